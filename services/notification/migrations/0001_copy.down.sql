DROP TABLE inbox;
DROP TABLE outbox;
DROP TABLE task;
DROP TABLE app_user;

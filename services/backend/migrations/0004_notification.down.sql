DROP TABLE notification, channel;
ALTER TABLE account DROP COLUMN unread_count, DROP COLUMN reminder_settings;

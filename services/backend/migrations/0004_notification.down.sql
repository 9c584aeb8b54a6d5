DROP TABLE notification, channel;
ALTER TABLE account DROP COLUMN all_read_seq, DROP COLUMN unread_count, DROP COLUMN reminder_settings;

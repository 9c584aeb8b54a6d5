DROP TABLE series;
ALTER TABLE task
  DROP COLUMN recurrence, DROP COLUMN anchor, DROP COLUMN missed, DROP COLUMN series_id,
  DROP COLUMN series_version, DROP COLUMN occurrence, DROP COLUMN series_start,
  DROP COLUMN series_from, DROP COLUMN scheduled_at, DROP COLUMN reminders,
  DROP COLUMN reminder_sent;

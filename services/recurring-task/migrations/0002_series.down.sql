DROP TABLE series;
ALTER TABLE task ADD COLUMN due_at timestamptz, ADD COLUMN time_zone text, ADD COLUMN deleted_at timestamptz;
ALTER TABLE app_user DROP COLUMN seq;
ALTER TABLE app_user ADD COLUMN time_zone text;
-- the older version insists on one; the next event of the user brings the true one
UPDATE app_user SET time_zone = 'UTC' WHERE version > 0 AND deleted_at IS NULL;
ALTER TABLE app_user ADD CONSTRAINT app_user_has_content
  CHECK (version = 0 OR deleted_at IS NOT NULL OR time_zone IS NOT NULL);

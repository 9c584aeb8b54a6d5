ALTER TABLE task ADD COLUMN updated_at timestamptz;

-- A reminder itself says when it was set.
ALTER TABLE task DROP COLUMN updated_at;

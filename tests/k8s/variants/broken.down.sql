ALTER TABLE task DROP COLUMN e2e_broken;
DROP TABLE e2e_broken;

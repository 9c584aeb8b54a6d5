ALTER TABLE task DROP COLUMN e2e_second;
DROP TABLE e2e_second;

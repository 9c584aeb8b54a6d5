-- Fails when half of it is done.
CREATE TABLE e2e_broken (
  id uuid PRIMARY KEY
);
ALTER TABLE task ADD COLUMN e2e_broken text;
SELECT 1 / 0;

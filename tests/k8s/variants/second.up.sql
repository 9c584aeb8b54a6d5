-- A second version of the schema, for a test of upgrades: a table more, and a column of the busiest one.
CREATE TABLE e2e_second (
  id uuid PRIMARY KEY,
  noted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX e2e_second_noted_at ON e2e_second (noted_at);
ALTER TABLE task ADD COLUMN e2e_second text;

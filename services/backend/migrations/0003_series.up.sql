-- Series of tasks, and the reminders of each task.

ALTER TABLE task
  ADD COLUMN recurrence text,               -- RFC 5545 rule; NULL: nothing comes after it
  ADD COLUMN anchor smallint,               -- 0 due, 1 completion; NULL without a recurrence
  ADD COLUMN missed smallint,               -- 0 catch_up, 1 skip, 2 collapse; NULL as anchor
  ADD COLUMN series_id uuid,                -- that it is an occurrence of; NULL: none
  ADD COLUMN series_version bigint,         -- of the rule it was made or last changed by
  ADD COLUMN occurrence bigint,             -- from 1
  ADD COLUMN series_start text,             -- wall clock time that the rule counts from
  ADD COLUMN series_from bigint,            -- number of the occurrence that this is the time of
  ADD COLUMN scheduled_at timestamptz,      -- the rule's instant, whatever due_at became
  ADD COLUMN reminders text[] NOT NULL DEFAULT '{}', -- each a JSON object
  ADD COLUMN reminder_sent boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX task_series_occurrence ON task (owner_id, series_id, occurrence)
  WHERE series_id IS NOT NULL;

-- Who changes a series holds its owner's row, then this one. It is there as long as a task of it is.
CREATE TABLE series (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,
  version bigint NOT NULL,                  -- of the rule; a stop raises it too
  revision bigint NOT NULL,                 -- counts every change of this row
  last_occurrence bigint NOT NULL,          -- number of the newest, for ever
  newest_id uuid NOT NULL,                  -- the task of that number, which may be purged
  recurrence text NOT NULL,
  anchor smallint NOT NULL,
  missed smallint NOT NULL,
  time_zone text NOT NULL,                  -- IANA name
  start text NOT NULL,                      -- wall clock time of occurrence start_from
  start_from bigint NOT NULL,
  title text NOT NULL,                      -- from here to offsets: what the next one begins with
  description text NOT NULL,
  priority smallint NOT NULL,
  tags text[] NOT NULL,
  offsets text[] NOT NULL,                  -- of its reminders
  created_at timestamptz NOT NULL,
  stopped_at timestamptz,                   -- NULL: it goes on
  PRIMARY KEY (owner_id, id)
) WITH (fillfactor = 70);                   -- changes with every occurrence: room for HOT updates

-- What recurring-task knows of the series that tasks are occurrences of, and when it decides next.
-- What the copy kept for that and nobody needs goes: the rule's zone and instants are the series'.

ALTER TABLE app_user DROP CONSTRAINT app_user_has_content;
ALTER TABLE app_user DROP COLUMN time_zone;
ALTER TABLE app_user ADD COLUMN seq bigint NOT NULL DEFAULT 0;  -- of our last event about this owner
ALTER TABLE task DROP COLUMN due_at, DROP COLUMN time_zone, DROP COLUMN deleted_at;

-- No foreign key: events come in any order. Every change but a claim holds the owner's row.
CREATE TABLE series (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,

  -- the definition of the newest version; of those that tell the same version the first task's, since
  -- that one was changed with it, and others may have been edited for themselves
  version bigint NOT NULL,
  told_by_occurrence bigint NOT NULL,
  told_by_version bigint NOT NULL,
  rule text,                          -- RFC 5545; NULL: stopped
  anchor smallint,                    -- 0 due, 1 completion
  missed smallint,                    -- 0 catch_up, 1 skip, 2 collapse
  time_zone text,                     -- IANA name
  start text,                         -- wall clock time of occurrence start_occurrence
  start_occurrence bigint,

  -- the newest occurrence; that it was purged its task's tombstone says
  occurrence bigint NOT NULL,
  task_id uuid NOT NULL,
  task_version bigint NOT NULL,
  scheduled_at timestamptz,           -- by the rule
  is_trashed boolean NOT NULL,
  ended_at timestamptz,               -- first completed or skipped: a fact, reopening keeps it

  -- the work
  decide_at timestamptz,              -- -infinity: changed, decide now; NULL: only an event moves it on
  claimed_until timestamptz,
  revision bigint NOT NULL DEFAULT 1, -- a decision holds only for the revision it was made of
  emitted_version bigint,             -- the newest that was said to be due
  emitted_occurrence bigint,
  fault text,                         -- why nothing can be decided

  PRIMARY KEY (owner_id, id)
) WITH (fillfactor = 85);
CREATE INDEX series_decide_at ON series (decide_at) WHERE decide_at IS NOT NULL;
CREATE INDEX series_fault ON series (id) WHERE fault IS NOT NULL;

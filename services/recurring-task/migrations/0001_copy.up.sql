-- What recurring-task keeps of the backend's users and tasks, and its outbox and inbox. No titles:
-- the next occurrence needs a time and a state.

-- A row is also made by the first task of an owner who is not known yet, and stays as the tombstone
-- of a deleted account. Every change of a task holds its owner's row.
CREATE TABLE app_user (
  id uuid PRIMARY KEY,
  version bigint NOT NULL DEFAULT 0,  -- the backend's; 0: known by his tasks alone
  time_zone text,                     -- IANA name
  deleted_at timestamptz,             -- NULL: alive; else a tombstone
  CONSTRAINT app_user_has_content CHECK (version = 0 OR deleted_at IS NOT NULL OR time_zone IS NOT NULL)
) WITH (fillfactor = 70);             -- locking a row writes it anew: room for HOT updates

-- No foreign key: events come in any order.
CREATE TABLE task (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,
  version bigint NOT NULL,            -- the backend's; 0: a tombstone
  status smallint,                    -- 0 open, 1 completed
  due_at timestamptz,
  time_zone text,                     -- IANA name
  deleted_at timestamptz,             -- in the trash since; restoring undoes it
  purged_at timestamptz,              -- NULL: there; else a tombstone
  PRIMARY KEY (owner_id, id),
  CONSTRAINT task_has_content CHECK ((purged_at IS NULL) = (status IS NOT NULL))
);

CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  topic text NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  owner_id uuid NOT NULL,
  seq bigint NOT NULL,
  occurred_at timestamptz NOT NULL,
  traceparent text NOT NULL,
  data text NOT NULL
);

CREATE TABLE inbox (
  event_id uuid PRIMARY KEY,
  handled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_handled_at ON inbox (handled_at);

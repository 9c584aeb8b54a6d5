-- Tasks, what is left of purged ones, and the replies of requests with an Idempotency-Key.
-- No foreign key to account: every write of a task holds the owner's row, and what a deleted
-- account leaves behind is deleted in bounded steps (removed_account).

ALTER TABLE account
  ADD COLUMN task_count integer NOT NULL DEFAULT 0,  -- trash included; held against TASKS_MAX
  ADD COLUMN sync_floor bigint NOT NULL DEFAULT 0;   -- the newest seq of a tombstone that is gone

CREATE TABLE task (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,               -- version 7: its order is the order of creation
  version bigint NOT NULL,
  seq bigint NOT NULL,            -- account.seq of its last change: what sync goes by
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  status smallint NOT NULL,       -- 0 open, 1 completed
  priority smallint NOT NULL,     -- 0 low, 1 normal, 2 high, 3 urgent
  due_at timestamptz,
  completed_at timestamptz,
  deleted_at timestamptz,         -- in the trash since
  title text NOT NULL,
  description text NOT NULL,
  tags text[] NOT NULL,
  time_zone text,                 -- IANA name; only with due_at
  tag_keys text[] NOT NULL,       -- the tags in lower case: what the filter compares
  -- The owner is a word of his documents that no text can contain (words hold no "="), so that one
  -- GIN search stays within the owner's tasks.
  search tsvector NOT NULL GENERATED ALWAYS AS (
    array_to_tsvector(ARRAY['owner=' || owner_id::text])
    || to_tsvector('simple'::regconfig, title || ' ' || description)) STORED,
  PRIMARY KEY (owner_id, id)
);
CREATE INDEX task_seq ON task (owner_id, seq);
CREATE INDEX task_search ON task USING gin (search);
CREATE INDEX task_deleted_at ON task (deleted_at) WHERE deleted_at IS NOT NULL;

-- A tombstone: sync tells of the end of a task until this row is purged as well.
CREATE TABLE task_tombstone (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,
  seq bigint NOT NULL,
  purged_at timestamptz NOT NULL,
  PRIMARY KEY (owner_id, seq)
);
CREATE INDEX task_tombstone_purged_at ON task_tombstone (purged_at);

CREATE TABLE idempotency (
  owner_id uuid NOT NULL,
  key text NOT NULL,
  item smallint NOT NULL,         -- 0 the request itself, from 1 an operation of a batch
  request_hash bytea NOT NULL,    -- BLAKE2b-256 of method, path and body
  status smallint NOT NULL,       -- of the reply
  task_id uuid,                   -- whom the reply is about; NULL: a batch
  version bigint,                 -- of the task in the reply
  body text,                      -- of the reply; NULL: empty
  created_at timestamptz NOT NULL,
  PRIMARY KEY (owner_id, key, item)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);

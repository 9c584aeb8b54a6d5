-- How a user is told: his settings, his channels, and what the app shows him.

ALTER TABLE account
  ADD COLUMN reminder_settings jsonb,                    -- NULL: as they are initially
  ADD COLUMN unread_count integer NOT NULL DEFAULT 0,    -- of his notifications
  ADD COLUMN all_read_seq bigint NOT NULL DEFAULT 0;     -- of when he last read them all

-- Push subscriptions and webhooks. Where a message goes is sealed: tables, events and trail hold none
-- of it in clear but the host, which tells the user one from another.
CREATE TABLE channel (
  owner_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  id uuid NOT NULL,
  channel smallint NOT NULL,      -- 1 push, 3 webhook: enum reminder_channel
  name text NOT NULL,
  host text NOT NULL,
  digest bytea NOT NULL,          -- of kind and URL: an address is there once
  sealed text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (owner_id, id),
  CONSTRAINT channel_digest_key UNIQUE (owner_id, digest)
);

-- What was shown in the app. No foreign key to account, as with task.
CREATE TABLE notification (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,               -- of the delivery: it is shown once
  seq bigint NOT NULL,            -- account.seq of its last change: what sync goes by
  kind smallint NOT NULL,         -- 0 reminder, 1 digest
  task_id uuid,                   -- NULL: of no single task
  title text NOT NULL,
  remind_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  read_at timestamptz,            -- NULL: unread
  PRIMARY KEY (owner_id, id)
);
CREATE INDEX notification_seq ON notification (owner_id, seq);
CREATE INDEX notification_list ON notification (owner_id, created_at, id);
CREATE INDEX notification_unread ON notification (owner_id, created_at, id) WHERE read_at IS NULL;
CREATE INDEX notification_created_at ON notification (created_at);

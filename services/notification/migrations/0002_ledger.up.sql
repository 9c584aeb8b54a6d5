-- When to remind whom of what, by which channel; what was tried, and by which process.

ALTER TABLE app_user
  ADD COLUMN seq bigint NOT NULL DEFAULT 0,        -- of our last event about him
  ADD COLUMN reminder_settings text,               -- a JSON object; NULL: the initial ones
  ADD COLUMN channels jsonb NOT NULL DEFAULT '[]', -- addresses, sealed
  ADD COLUMN spread_after uuid,                    -- his tasks after this id are still to hear of a
                                                   -- change of his; NULL: all have
  ADD COLUMN digest_next_at timestamptz,           -- NULL: he wants none
  DROP CONSTRAINT app_user_is_forgotten,
  ADD CONSTRAINT app_user_is_forgotten CHECK (deleted_at IS NULL
    OR (email IS NULL AND name IS NULL AND reminder_settings IS NULL AND channels = '[]'
      AND spread_after IS NULL AND digest_next_at IS NULL));
CREATE INDEX app_user_unspread ON app_user (id) WHERE spread_after IS NOT NULL;
CREATE INDEX app_user_digest ON app_user (digest_next_at) WHERE digest_next_at IS NOT NULL;

ALTER TABLE task
  ADD COLUMN updated_at timestamptz,
  ADD COLUMN reminders jsonb,                      -- NULL: none
  ADD COLUMN mark bigint NOT NULL DEFAULT 0,       -- counts what made it unscheduled
  ADD COLUMN unscheduled boolean NOT NULL DEFAULT false, -- the ledger does not follow it yet
  ADD COLUMN scheduled_version bigint NOT NULL DEFAULT 0; -- what the ledger followed last
CREATE INDEX task_unscheduled ON task (owner_id, id) WHERE unscheduled;
CREATE INDEX task_due ON task (owner_id, due_at)
  WHERE status = 0 AND deleted_at IS NULL AND due_at IS NOT NULL;

-- One delivery: of one generation of one reminder, or of one day's digest, by one channel to one
-- address. Its id is stable over all attempts.
CREATE TABLE delivery (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  kind smallint NOT NULL,             -- 0 reminder, 1 digest
  task_id uuid,                       -- NULL in a digest, as the next
  reminder_id uuid,
  generation bigint NOT NULL,         -- of the reminder; 0 in a digest
  channel smallint NOT NULL,          -- 0 email, 1 push, 2 app, 3 webhook
  channel_id uuid NOT NULL,           -- of the push subscription or webhook; else all zeros
  digest_on date,                     -- the user's day
  digest_until timestamptz,           -- its end: what is due before belongs to it
  title text NOT NULL,
  state smallint NOT NULL,            -- 0 scheduled, 1 claimed, 2 retrying, 3 sent, 4 failed,
                                      -- 5 cancelled, 6 expired
  remind_at timestamptz NOT NULL,
  next_try_at timestamptz NOT NULL,
  held_until timestamptz,             -- the end of quiet hours
  attempts int NOT NULL DEFAULT 0,
  claimed_by uuid,                    -- instance
  sent_at timestamptz,
  reason text,                        -- for the user: why not, or why not yet
  CONSTRAINT delivery_is_claimed_by_one CHECK ((state = 1) = (claimed_by IS NOT NULL)),
  CONSTRAINT delivery_is_of_something CHECK ((kind = 0) = (task_id IS NOT NULL)
    AND (kind = 0) = (reminder_id IS NOT NULL)
    AND (kind = 1) = (digest_on IS NOT NULL) AND (kind = 1) = (digest_until IS NOT NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX delivery_of_reminder ON delivery
  (owner_id, task_id, reminder_id, generation, channel, channel_id) WHERE kind = 0;
CREATE UNIQUE INDEX delivery_of_digest ON delivery (owner_id, digest_on) WHERE kind = 1;
-- a claim reads what is due and nothing of what waits
CREATE INDEX delivery_waiting ON delivery (channel, next_try_at) WHERE state IN (0, 2);
CREATE INDEX delivery_claimed ON delivery (claimed_by) WHERE state = 1;
CREATE INDEX delivery_listed ON delivery (owner_id, id);

-- Committed before a channel is called: what was tried can be told even when the process died.
CREATE TABLE attempt (
  delivery_id uuid NOT NULL REFERENCES delivery ON DELETE CASCADE,
  number int NOT NULL,                -- from 1
  began_at timestamptz NOT NULL,
  ended_at timestamptz,               -- NULL: open
  outcome text,                       -- sent, refused, failed, gone, interrupted
  reason text,
  instance uuid NOT NULL,
  PRIMARY KEY (delivery_id, number)
);

-- A process that sends. Others take over its claims when they have seen no beat for the lease.
CREATE TABLE instance (
  id uuid PRIMARY KEY,
  beats bigint NOT NULL,
  beat_at timestamptz NOT NULL        -- for who looks; nothing is decided by it
);

-- A claim changes state, claimed_by and attempts. They are in no index from now on, so that it need not
-- write each index of delivery anew; and an attempt is added without looking its delivery up.

ALTER TABLE delivery ADD COLUMN is_open boolean NOT NULL GENERATED ALWAYS AS (state < 3) STORED;

-- a claim reads what is due, the few that are claimed, and nothing of what waits
DROP INDEX delivery_waiting;
CREATE INDEX delivery_waiting ON delivery (channel, next_try_at) WHERE is_open;

-- claims are found by their attempts; whoever deletes a delivery deletes its attempts
DROP INDEX delivery_claimed;
ALTER TABLE attempt DROP CONSTRAINT attempt_delivery_id_fkey;
CREATE INDEX attempt_open ON attempt (instance) WHERE ended_at IS NULL;

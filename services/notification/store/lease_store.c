#include "services/notification/store/lease_store.h"

/* Who has claims and no row (a claim that the database took after its process had ended) counts as
 * one that never beat. */
const struct pg_statement LEASE_BEAT = {
    "lease_beat",
    "WITH ours AS (INSERT INTO instance AS i (id, beats, beat_at)"
    "  VALUES ($1::uuid, 1, clock_timestamp()) ON CONFLICT (id)"
    "  DO UPDATE SET beats = i.beats + 1, beat_at = excluded.beat_at)"
    " SELECT id, beats FROM instance WHERE id <> $1::uuid UNION ALL"
    " SELECT c.id, 0 FROM (SELECT DISTINCT instance AS id FROM attempt WHERE ended_at IS NULL) c"
    " WHERE c.id <> $1::uuid AND NOT EXISTS (SELECT FROM instance i WHERE i.id = c.id)",
};

/* The task of each is looked at again by the scheduler: it may have changed during the claim. Attempts
 * whose deliveries went with their account go too. */
const struct pg_statement LEASE_TAKE_OVER = {
    "lease_take_over",
    "WITH known AS MATERIALIZED (SELECT id, beats FROM instance WHERE id = $1::uuid FOR UPDATE)"
    ", dead AS MATERIALIZED (SELECT $1::uuid AS id"
    "  WHERE coalesce((SELECT beats FROM known), 0) = $2::bigint)"
    ", claim AS MATERIALIZED (SELECT d.id, d.owner_id FROM dead"
    "  JOIN attempt a ON a.instance = dead.id AND a.ended_at IS NULL"
    "  JOIN delivery d ON d.id = a.delivery_id AND d.claimed_by = dead.id AND d.state = 1"
    "  ORDER BY d.id LIMIT 500)"
    ", owner AS MATERIALIZED (SELECT id FROM app_user"
    "  WHERE id IN (SELECT owner_id FROM claim) ORDER BY id FOR UPDATE)"
    ", freed AS (UPDATE delivery d SET state = 2, claimed_by = NULL,"
    "   next_try_at = $3::timestamptz, reason = $4"
    "  FROM claim, (SELECT count(*) FROM owner) held"
    "  WHERE d.id = claim.id AND d.state = 1 AND d.claimed_by = $1::uuid"
    "  RETURNING d.id, d.owner_id, d.task_id, d.attempts)"
    ", closed AS (UPDATE attempt a SET ended_at = $3::timestamptz, outcome = 'interrupted',"
    "   reason = $4 FROM freed"
    "  WHERE a.delivery_id = freed.id AND a.number = freed.attempts AND a.ended_at IS NULL)"
    ", lost AS (DELETE FROM attempt a USING dead WHERE a.instance = dead.id AND a.ended_at IS NULL"
    "   AND NOT EXISTS (SELECT FROM delivery d WHERE d.id = a.delivery_id))"
    ", marked AS (UPDATE task t SET mark = t.mark + 1, unscheduled = true FROM"
    "  (SELECT DISTINCT owner_id, task_id FROM freed) f"
    "  WHERE t.owner_id = f.owner_id AND t.id = f.task_id)"
    ", forgotten AS (DELETE FROM instance USING dead"
    "  WHERE instance.id = dead.id AND NOT EXISTS (SELECT FROM claim))"
    " SELECT count(*) FROM claim",
};

const struct pg_statement LEASE_END = {
    "lease_end",
    "DELETE FROM instance WHERE id = $1::uuid",
};

#include "services/notification/store/purge_store.h"

const struct pg_statement PURGE_DELIVERIES = {
    "purge_deliveries",
    "WITH old AS MATERIALIZED (SELECT id FROM delivery"
    "  WHERE NOT is_open AND greatest(remind_at, next_try_at) < $1::timestamptz"
    "  ORDER BY greatest(remind_at, next_try_at) LIMIT $2::int FOR UPDATE SKIP LOCKED)"
    ", untried AS (DELETE FROM attempt WHERE delivery_id = ANY (ARRAY (SELECT id FROM old)))"
    ", gone AS (DELETE FROM delivery WHERE id = ANY (ARRAY (SELECT id FROM old)) RETURNING 1)"
    " SELECT count(*) FROM gone",
};

#include "services/backend/store/purge_store.h"

const struct pg_statement PURGE_SESSIONS = {
    "purge_sessions",
    "WITH gone AS (DELETE FROM session WHERE id IN (SELECT id FROM session "
    "WHERE expires_at < now() ORDER BY expires_at LIMIT 200 FOR UPDATE SKIP LOCKED) RETURNING 1) "
    "SELECT count(*) FROM gone",
};

/* Until then the reuse of a replaced token ends its session; later it is just unknown. */
const struct pg_statement PURGE_REFRESH_TOKENS = {
    "purge_refresh_tokens",
    "WITH gone AS (DELETE FROM refresh_token WHERE digest IN (SELECT digest FROM refresh_token "
    "WHERE replaced_at < now() - interval '7 days' ORDER BY replaced_at LIMIT 1000 "
    "FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone",
};

/* An expired token stays in its owner's list for a month. */
const struct pg_statement PURGE_API_TOKENS = {
    "purge_api_tokens",
    "WITH gone AS (DELETE FROM api_token WHERE id IN (SELECT id FROM api_token "
    "WHERE expires_at < now() - interval '30 days' ORDER BY expires_at LIMIT 1000 "
    "FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone",
};

const struct pg_statement PURGE_SIGN_IN_FAILURES = {
    "purge_sign_in_failures",
    "WITH gone AS (DELETE FROM sign_in_failure WHERE digest IN (SELECT digest "
    "FROM sign_in_failure WHERE last_at < now() - interval '1 day' ORDER BY last_at LIMIT 1000 "
    "FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone",
};

/* One deleted account, up to 1,000 rows of each of its tables; when nothing of it was left, the
 * account is done. */
const struct pg_statement PURGE_REMOVED_ACCOUNT = {
    "purge_removed_account",
    "WITH owner AS (SELECT id FROM removed_account ORDER BY removed_at LIMIT 1 "
    "FOR UPDATE SKIP LOCKED), "
    "tasks AS (DELETE FROM task WHERE (owner_id, id) IN (SELECT t.owner_id, t.id FROM task t "
    "JOIN owner ON t.owner_id = owner.id LIMIT 1000) RETURNING 1), "
    "tombstones AS (DELETE FROM task_tombstone WHERE (owner_id, seq) IN (SELECT t.owner_id, t.seq "
    "FROM task_tombstone t JOIN owner ON t.owner_id = owner.id LIMIT 1000) RETURNING 1), "
    "replies AS (DELETE FROM idempotency WHERE (owner_id, key, item) IN (SELECT i.owner_id, i.key, "
    "i.item FROM idempotency i JOIN owner ON i.owner_id = owner.id LIMIT 1000) RETURNING 1), "
    "series_rows AS (DELETE FROM series WHERE (owner_id, id) IN (SELECT s.owner_id, s.id "
    "FROM series s JOIN owner ON s.owner_id = owner.id LIMIT 1000) RETURNING 1), "
    "shown AS (DELETE FROM notification WHERE (owner_id, id) IN (SELECT n.owner_id, n.id "
    "FROM notification n JOIN owner ON n.owner_id = owner.id LIMIT 1000) RETURNING 1), "
    "rows AS (SELECT (SELECT count(*) FROM series_rows) + (SELECT count(*) FROM tasks) + "
    "(SELECT count(*) FROM tombstones) + (SELECT count(*) FROM replies) + "
    "(SELECT count(*) FROM shown) AS n), "
    "done AS (DELETE FROM removed_account WHERE id IN (SELECT id FROM owner) "
    "AND (SELECT n FROM rows) = 0 RETURNING 1) "
    "SELECT n + (SELECT count(*) FROM done) FROM rows",
};

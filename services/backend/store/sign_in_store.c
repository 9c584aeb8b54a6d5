#include "services/backend/store/sign_in_store.h"

/* A call on its way. */
struct attempt_call {
    struct store_call call;
    int64_t *wait_s;
};

/* A locked row is not updated and so not returned: fewer than two rows back is a lock. Rows are
 * taken in the order of their digests, so that two attempts never wait for each other. The lock
 * begins with the first failure beyond the free ones, at 2 s, and doubles with each. */
const struct pg_statement SIGN_IN_ATTEMPT = {
    "sign_in_attempt",
    "WITH wanted AS (SELECT * FROM (VALUES ($1::bytea, $3::int), ($2::bytea, $4::int)) "
    "AS w (digest, free)), "
    "counted AS (INSERT INTO sign_in_failure AS f (digest, failures, last_at) "
    "SELECT digest, 1, now() FROM wanted ORDER BY digest "
    "ON CONFLICT (digest) DO UPDATE SET last_at = now(), "
    "failures = CASE WHEN f.last_at < now() - interval '1 day' THEN 1 ELSE f.failures + 1 END, "
    "locked_until = CASE WHEN f.last_at >= now() - interval '1 day' AND "
    "f.failures >= (SELECT free FROM wanted WHERE wanted.digest = f.digest) "
    "THEN now() + make_interval(secs => least($5::int, 2 ^ least(20, f.failures + 1 - "
    "(SELECT free FROM wanted WHERE wanted.digest = f.digest)))) END "
    "WHERE f.locked_until IS NULL OR f.locked_until <= now() RETURNING digest) "
    "SELECT (SELECT count(*) FROM counted), coalesce(ceil(extract(epoch FROM "
    "(SELECT max(locked_until) FROM sign_in_failure JOIN wanted USING (digest)) - now())), 0)::int",
};
static pg_done_fn on_counted;

void sign_in_store_attempt(const struct store_call *call, const struct sign_in_attempt *attempt,
                           int64_t *wait_s)
{
    struct attempt_call *c = ARENA_NEW(call->arena, struct attempt_call);
    struct pg_params params;

    *c = (struct attempt_call){*call, wait_s};
    pg_params_init(&params, call->arena);
    pg_add_bytes(&params, attempt->account.bytes, sizeof attempt->account.bytes);
    pg_add_bytes(&params, attempt->address.bytes, sizeof attempt->address.bytes);
    pg_add_int(&params, attempt->account_free);
    pg_add_int(&params, attempt->address_free);
    pg_add_int(&params, attempt->lock_max_s);
    pg_query(call->pool, &SIGN_IN_ATTEMPT, &params, on_counted, c);
}

static void on_counted(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct attempt_call *c = arg;

    if (err == NULL) {
        int64_t left_s = pg_int(rows, 0, 1);

        /* a lock that began this instant is not in the statement's snapshot yet */
        *c->wait_s = pg_int(rows, 0, 0) == 2 ? 0 : left_s > 0 ? left_s : 1;
    }
    c->call.done(c->call.arg, err);
}

/* Rows are taken in the same order. */
const struct pg_statement SIGN_IN_FORGIVE = {
    "sign_in_forgive",
    "WITH held AS MATERIALIZED (SELECT digest FROM sign_in_failure "
    "WHERE digest IN ($1::bytea, $2::bytea) ORDER BY digest FOR UPDATE), "
    "forgotten AS (DELETE FROM sign_in_failure f USING held "
    "WHERE f.digest = $1 AND held.digest = f.digest) "
    "UPDATE sign_in_failure f SET failures = greatest(f.failures - 1, 0), locked_until = NULL "
    "FROM held WHERE f.digest = $2 AND held.digest = f.digest",
};
static pg_done_fn on_forgiven;

void sign_in_store_forgive(const struct store_call *call, const struct sign_in_attempt *attempt)
{
    struct attempt_call *c = ARENA_NEW(call->arena, struct attempt_call);
    struct pg_params params;

    c->call = *call;
    pg_params_init(&params, call->arena);
    pg_add_bytes(&params, attempt->account.bytes, sizeof attempt->account.bytes);
    pg_add_bytes(&params, attempt->address.bytes, sizeof attempt->address.bytes);
    pg_query(call->pool, &SIGN_IN_FORGIVE, &params, on_forgiven, c);
}

static void on_forgiven(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct attempt_call *c = arg;

    (void)rows;
    c->call.done(c->call.arg, err);
}

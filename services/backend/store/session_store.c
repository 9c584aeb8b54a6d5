#include "services/backend/store/session_store.h"

#include <string.h>

#include "services/backend/store/principal_row.h"

/* A call on its way. */
struct session_call {
    struct store_call call;
    bool *answer;
    struct principal *who;
    struct session_list *list;
    struct refresh_state *state;
};

static struct session_call *session_call_new(const struct store_call *call)
{
    struct session_call *c = ARENA_NEW(call->arena, struct session_call);

    c->call = *call;
    return c;
}

static void finish(const struct session_call *c, const struct err *err)
{
    c->call.done(c->call.arg, err);
}

static void on_done(void *arg, const struct pg_rows *rows, const struct err *err)
{
    (void)rows;
    finish(arg, err);
}

static void on_answered(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct session_call *c = arg;

    if (err == NULL)
        *c->answer = pg_n_rows(rows) > 0;
    finish(c, err);
}

/* The account's row is locked first, as by whatever else ends several sessions of an account. */
const struct pg_statement SESSION_ADD = {
    "session_add",
    "WITH owner AS MATERIALIZED (SELECT id FROM account WHERE id = $2::uuid FOR NO KEY UPDATE), "
    "oldest AS (DELETE FROM session USING owner WHERE session.id IN (SELECT id FROM session "
    "WHERE account_id = $2 ORDER BY last_used_at DESC OFFSET $9::int - 1)), "
    "added AS (INSERT INTO session (id, account_id, credentials, user_agent, address, created_at, "
    "last_used_at, expires_at) SELECT $1::uuid, id, $3::bigint, $4, $5, now(), now(), "
    "now() + make_interval(days => $6::int) FROM owner RETURNING id) "
    "INSERT INTO refresh_token (digest, session_id, salt, created_at) "
    "SELECT $7::bytea, id, $8::bytea, now() FROM added RETURNING 1",
};

void session_store_add(const struct store_call *call, const struct account *account,
                       const struct new_session *session, int sessions_max, bool *is_added)
{
    struct session_call *c = session_call_new(call);
    struct pg_params params;

    c->answer = is_added;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, session->id.text);
    pg_add_text(&params, account->id.text);
    pg_add_int(&params, account->credentials);
    pg_add_text(&params, session->user_agent);
    pg_add_text(&params, session->address);
    pg_add_int(&params, session->days);
    pg_add_bytes(&params, session->digest.bytes, sizeof session->digest.bytes);
    pg_add_bytes(&params, session->salt.bytes, sizeof session->salt.bytes);
    pg_add_int(&params, sessions_max);
    pg_query(call->pool, &SESSION_ADD, &params, on_answered, c);
}

#define IS_ALIVE "s.expires_at > now() AND s.credentials = a.credentials"

const struct pg_statement SESSION_CHECK = {
    "session_check",
    "SELECT " PRINCIPAL_COLUMNS " FROM session s JOIN account a ON a.id = s.account_id "
    "WHERE s.id = $1 AND s.account_id = $2 AND " IS_ALIVE,
};
static pg_done_fn on_checked;

void session_store_check(const struct store_call *call, struct principal *who, bool *is_alive)
{
    struct session_call *c = session_call_new(call);
    struct pg_params params;

    c->answer = is_alive;
    c->who = who;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, who->session_id.text);
    pg_add_text(&params, who->user_id.text);
    pg_lookup(call->pool, &SESSION_CHECK, &params, on_checked, c);
}

static void on_checked(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct session_call *c = arg;

    if (err == NULL && pg_n_rows(rows) > 0)
        principal_row_read(rows, 0, 0, c->who);
    on_answered(arg, rows, err);
}

const struct pg_statement SESSION_LIST = {
    "session_list",
    "SELECT s.id, s.user_agent, s.address, s.id = $2 AS is_current, s.created_at, s.last_used_at, "
    "s.expires_at FROM session s JOIN account a ON a.id = s.account_id "
    "WHERE s.account_id = $1 AND " IS_ALIVE " ORDER BY s.last_used_at DESC, s.id LIMIT 1000",
};
static pg_done_fn on_listed;

void session_store_list(const struct store_call *call, const struct principal *who,
                        struct session_list *list)
{
    struct session_call *c = session_call_new(call);
    struct pg_params params;

    c->list = list;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, who->user_id.text);
    pg_add_text(&params, who->session_id.text[0] != '\0' ? who->session_id.text : NULL);
    pg_query(call->pool, &SESSION_LIST, &params, on_listed, c);
}

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct session_call *c = arg;
    int n_rows = err == NULL ? pg_n_rows(rows) : 0;

    c->list->n_sessions = (size_t)n_rows;
    c->list->sessions = ARENA_NEW_ARRAY(c->call.arena, (size_t)n_rows + 1, struct session);
    for (int i = 0; i < n_rows; i++) {
        struct session *session = &c->list->sessions[i];

        *session = (struct session){
            .user_agent = pg_copy_text(rows, i, 1, c->call.arena),
            .address = pg_copy_text(rows, i, 2, c->call.arena),
            .is_current = pg_bool(rows, i, 3),
            .created_at = pg_time(rows, i, 4),
            .last_used_at = pg_time(rows, i, 5),
            .expires_at = pg_time(rows, i, 6),
        };
        if (!uuid_read(pg_text(rows, i, 0), &session->id))
            session->id = (struct uuid){""};
    }
    finish(c, err);
}

const struct pg_statement SESSION_REVOKE = {
    "session_revoke",
    "DELETE FROM session WHERE id = $1 AND account_id = $2 RETURNING 1",
};

void session_store_revoke(const struct store_call *call, const struct uuid *account_id,
                          const struct uuid *id, bool *is_found)
{
    struct session_call *c = session_call_new(call);
    struct pg_params params;

    c->answer = is_found;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, id->text);
    pg_add_text(&params, account_id->text);
    pg_query(call->pool, &SESSION_REVOKE, &params, on_answered, c);
}

const struct pg_statement SESSION_REVOKE_ALL = {
    "session_revoke_all",
    "WITH owner AS (UPDATE account SET credentials = credentials + 1 WHERE id = $4 "
    "RETURNING id, seq), "
    "ended AS (DELETE FROM session USING owner WHERE account_id = owner.id) " SIGNED_OUT_ROW(
        "owner"),
};

void session_store_revoke_all(const struct store_call *call, const struct uuid *account_id,
                              const struct signed_out *update)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    signed_out_add_params(&params, update);
    pg_add_text(&params, account_id->text);
    pg_query(call->pool, &SESSION_REVOKE_ALL, &params, on_done, session_call_new(call));
}

const struct pg_statement REFRESH_FIND = {
    "refresh_find",
    "SELECT s.id, t.salt, t.replaced_at IS NOT NULL, "
    "t.replaced_at > now() - make_interval(secs => $2::int), " IS_ALIVE ", "
    "a.id, a.email, a.name, a.time_zone, a.version, a.created_at, a.updated_at "
    "FROM refresh_token t JOIN session s ON s.id = t.session_id "
    "JOIN account a ON a.id = s.account_id WHERE t.digest = $1",
};
static pg_done_fn on_refresh_found;

void refresh_store_find(const struct store_call *call, const struct secret_digest *digest,
                        int grace_s, struct refresh_state *state)
{
    struct session_call *c = session_call_new(call);
    struct pg_params params;

    c->state = state;
    pg_params_init(&params, call->arena);
    pg_add_bytes(&params, digest->bytes, sizeof digest->bytes);
    pg_add_int(&params, grace_s);
    pg_query(call->pool, &REFRESH_FIND, &params, on_refresh_found, c);
}

static void read_refresh(const struct pg_rows *rows, struct arena *arena,
                         struct refresh_state *state)
{
    size_t n_salt = 0;
    const unsigned char *salt = pg_bytes(rows, 0, 1, arena, &n_salt);

    *state = (struct refresh_state){
        .is_replaced = pg_bool(rows, 0, 2),
        .is_in_grace = pg_bool(rows, 0, 3),
        .is_alive = pg_bool(rows, 0, 4),
        .account = {.email = pg_copy_text(rows, 0, 6, arena),
                    .name = pg_copy_text(rows, 0, 7, arena),
                    .time_zone = pg_copy_text(rows, 0, 8, arena),
                    .version = pg_int(rows, 0, 9),
                    .created_at = pg_time(rows, 0, 10),
                    .updated_at = pg_time(rows, 0, 11)},
    };
    state->is_found = uuid_read(pg_text(rows, 0, 0), &state->session_id) &&
                      uuid_read(pg_text(rows, 0, 5), &state->account.id) &&
                      n_salt == sizeof state->salt.bytes;
    if (state->is_found)
        memcpy(state->salt.bytes, salt, n_salt);
}

static void on_refresh_found(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct session_call *c = arg;

    *c->state = (struct refresh_state){0};
    if (err == NULL && pg_n_rows(rows) > 0)
        read_refresh(rows, c->call.arena, c->state);
    finish(c, err);
}

/* A session keeps its newest 500 tokens: enough to notice the reuse of one that is days old. The
 * session's row is locked before any token's, as by its deletion. */
const struct pg_statement REFRESH_ROTATE = {
    "refresh_rotate",
    "WITH held AS MATERIALIZED (SELECT s.id FROM refresh_token t JOIN session s "
    "ON s.id = t.session_id WHERE t.digest = $1 FOR NO KEY UPDATE OF s), "
    "used AS (UPDATE refresh_token t SET replaced_at = coalesce(replaced_at, now()) FROM held "
    "WHERE t.digest = $1 AND t.session_id = held.id AND (t.replaced_at IS NULL "
    "OR t.replaced_at > now() - make_interval(secs => $4::int)) RETURNING t.session_id), "
    "next AS (INSERT INTO refresh_token (digest, session_id, salt, created_at) "
    "SELECT $2::bytea, session_id, $3::bytea, now() FROM used ON CONFLICT (digest) DO NOTHING), "
    "forgotten AS (DELETE FROM refresh_token WHERE digest IN (SELECT r.digest FROM refresh_token r "
    "JOIN used ON used.session_id = r.session_id ORDER BY r.created_at DESC OFFSET 500)), "
    "rotated AS (UPDATE session SET last_used_at = now(), "
    "expires_at = now() + make_interval(days => $5::int) "
    "FROM used WHERE session.id = used.session_id RETURNING 1) "
    "SELECT EXISTS (SELECT FROM rotated), EXISTS (SELECT FROM held)",
};
static pg_done_fn on_rotated;

void refresh_store_rotate(const struct store_call *call, const struct refresh_rotation *rotation,
                          bool *is_rotated)
{
    struct session_call *c = session_call_new(call);
    struct pg_params params;

    c->answer = is_rotated;
    pg_params_init(&params, call->arena);
    pg_add_bytes(&params, rotation->old.bytes, sizeof rotation->old.bytes);
    pg_add_bytes(&params, rotation->next.bytes, sizeof rotation->next.bytes);
    pg_add_bytes(&params, rotation->next_salt.bytes, sizeof rotation->next_salt.bytes);
    pg_add_int(&params, rotation->grace_s);
    pg_add_int(&params, rotation->days);
    pg_query(call->pool, &REFRESH_ROTATE, &params, on_rotated, c);
}

static void on_rotated(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct session_call *c = arg;
    struct err ended = {0};

    if (err == NULL && !pg_bool(rows, 0, 1)) {
        err_set_slug(&ended, ERR_UNAUTHENTICATED, "session_ended",
                     "the session has ended; sign in again");
        err = &ended;
    }
    *c->answer = err == NULL && pg_bool(rows, 0, 0);
    finish(c, err);
}

#include "services/backend/store/account_store.h"

#include <string.h>

#include "common/base/uuid.h"
#include "common/events/event_types.h"
#include "services/backend/store/account_row.h"

/* A call on its way. */
struct account_call {
    struct store_call call;
    struct account *account;
    bool *is_done;
    int64_t *seq;
};

static struct account_call *account_call_new(const struct store_call *call)
{
    struct account_call *c = ARENA_NEW(call->arena, struct account_call);

    c->call = *call;
    return c;
}

static void finish(const struct account_call *c, const struct err *err)
{
    c->call.done(c->call.arg, err);
}

static void fail_as_gone(const struct account_call *c)
{
    struct err err = {0};

    err_set_slug(&err, ERR_NOT_FOUND, "account_gone", "this account has been deleted");
    finish(c, &err);
}

const struct pg_statement ACCOUNT_ADD = {
    "account_add",
    "WITH owner AS (INSERT INTO account (id, email, name, time_zone, password_hash, seq, version, "
    "credentials, created_at, updated_at) VALUES ($5, $6, $7, $8, $9, 1, 1, 1, $2, $2) "
    "RETURNING id, seq), "
    "first_session AS (INSERT INTO session (id, account_id, credentials, user_agent, address, "
    "created_at, last_used_at, expires_at) SELECT $10::uuid, id, 1, $11, $12, now(), now(), "
    "now() + make_interval(days => $13::int) FROM owner), "
    "first_token AS (INSERT INTO refresh_token (digest, session_id, salt, created_at) "
    "VALUES ($14, $10, $15, now())) " ACCOUNT_EVENT_ROW("owner", TOPIC_USER_EVENTS, "$1",
                                                        EVENT_USER_REGISTERED),
};
static pg_done_fn on_added;

void account_store_add(const struct store_call *call, const struct account *account,
                       const struct new_session *session, const struct account_event *event)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    account_row_add_event(&params, event);
    pg_add_text(&params, account->id.text);
    pg_add_text(&params, account->email);
    pg_add_text(&params, account->name);
    pg_add_text(&params, account->time_zone);
    pg_add_text(&params, account->password_hash);
    pg_add_text(&params, session->id.text);
    pg_add_text(&params, session->user_agent);
    pg_add_text(&params, session->address);
    pg_add_int(&params, session->days);
    pg_add_bytes(&params, session->digest.bytes, sizeof session->digest.bytes);
    pg_add_bytes(&params, session->salt.bytes, sizeof session->salt.bytes);
    pg_query(call->pool, &ACCOUNT_ADD, &params, on_added, account_call_new(call));
}

static void on_added(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_call *c = arg;
    struct err taken = {0};

    (void)rows;
    if (err != NULL && err->slug == PG_UNIQUE_VIOLATION &&
        strcmp(pg_err_constraint(err), "account_email_key") == 0) {
        err_set_slug(&taken, ERR_CONFLICT, "email_taken", "this e-mail address has an account");
        err = &taken;
    }
    finish(c, err);
}

const struct pg_statement ACCOUNT_GET = {
    "account_get",
    "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.id = $1",
};
static pg_done_fn on_got;

void account_store_get(const struct store_call *call, const struct uuid *id,
                       struct account *account)
{
    struct account_call *c = account_call_new(call);
    struct pg_params params;

    c->account = account;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, id->text);
    pg_lookup(call->pool, &ACCOUNT_GET, &params, on_got, c);
}

static void on_got(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_call *c = arg;

    if (err == NULL && pg_n_rows(rows) == 0) {
        fail_as_gone(c);
        return;
    }
    if (err == NULL)
        account_row_read(rows, c->call.arena, c->account);
    finish(c, err);
}

const struct pg_statement ACCOUNT_FIND = {
    "account_find",
    "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.email = $1",
};
static pg_done_fn on_found;

void account_store_find(const struct store_call *call, const char *email, struct account *account)
{
    struct account_call *c = account_call_new(call);
    struct pg_params params;

    c->account = account;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, email);
    pg_query(call->pool, &ACCOUNT_FIND, &params, on_found, c);
}

static void on_found(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_call *c = arg;

    *c->account = (struct account){0};
    if (err == NULL && pg_n_rows(rows) > 0)
        account_row_read(rows, c->call.arena, c->account);
    finish(c, err);
}

/* Whether it was changed, else whether the account is there: as it is once its row is locked, since a
 * deletion that the statement has waited for is not in its snapshot. */
#define WHETHER_CHANGED(cte, id)                                                                   \
    "SELECT EXISTS (SELECT FROM " cte "), CASE WHEN NOT EXISTS (SELECT FROM " cte ") "             \
    "THEN EXISTS (SELECT FROM account WHERE id = " id " FOR KEY SHARE) END"

static void on_changed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_call *c = arg;
    struct err gone = {0};

    *c->is_done = err == NULL && pg_bool(rows, 0, 0);
    if (err == NULL && !*c->is_done && !pg_bool(rows, 0, 1)) {
        err_set(&gone, ERR_UNAUTHENTICATED, "this account was deleted");
        err = &gone;
    }
    finish(c, err);
}

/* The other sessions are dead by their generation, whether or not this statement sees their rows:
 * a sign-in that is under way with the old password ends in a dead one. */
const struct pg_statement ACCOUNT_SET_PASSWORD = {
    "account_set_password",
    "WITH owner AS (UPDATE account SET password_hash = $6, credentials = credentials + 1 "
    "WHERE id = $4 AND password_hash = $5 RETURNING id, seq, credentials), "
    "kept AS (UPDATE session SET credentials = owner.credentials FROM owner "
    "WHERE session.id = $7 AND session.account_id = owner.id), "
    "ended AS (DELETE FROM session USING owner "
    "WHERE session.account_id = owner.id AND session.id <> $7), "
    "update AS (" SIGNED_OUT_ROW("owner") ") " WHETHER_CHANGED("owner", "$4"),
};

void account_store_set_password(const struct store_call *call, const struct account *account,
                                const char *new_hash, const struct uuid *keep,
                                const struct signed_out *update, bool *is_saved)
{
    struct account_call *c = account_call_new(call);
    struct pg_params params;

    c->is_done = is_saved;
    pg_params_init(&params, call->arena);
    signed_out_add_params(&params, update);
    pg_add_text(&params, account->id.text);
    pg_add_text(&params, account->password_hash);
    pg_add_text(&params, new_hash);
    pg_add_text(&params, keep->text);
    pg_query(call->pool, &ACCOUNT_SET_PASSWORD, &params, on_changed, c);
}

const struct pg_statement ACCOUNT_REMOVE = {
    "account_remove",
    "WITH gone AS (DELETE FROM account WHERE id = $5 AND version = $6 AND password_hash = $7 "
    "RETURNING id, seq + 1 AS seq), "
    "left_over AS (INSERT INTO removed_account (id, removed_at) SELECT id, now() FROM gone), "
    "fact AS (" ACCOUNT_EVENT_ROW(
        "gone", TOPIC_USER_EVENTS, "$1",
        EVENT_USER_DELETED) "), "
                            "update AS (" ACCOUNT_EVENT_ROW(
                                "gone", TOPIC_TASK_UPDATES, "$8",
                                EVENT_UPDATE_USER_DELETED) ") " WHETHER_CHANGED("gone", "$5"),
};

void account_store_remove(const struct store_call *call, const struct account *account,
                          const struct account_event *event, bool *is_removed)
{
    struct account_call *c = account_call_new(call);
    struct pg_params params;

    c->is_done = is_removed;
    pg_params_init(&params, call->arena);
    account_row_add_event(&params, event);
    pg_add_text(&params, account->id.text);
    pg_add_int(&params, account->version);
    pg_add_text(&params, account->password_hash);
    pg_add_text(&params, arena_copy_text(call->arena, uuid_new(event->now_ms).text));
    pg_query(call->pool, &ACCOUNT_REMOVE, &params, on_changed, c);
}

const struct pg_statement ACCOUNT_SEQ = {
    "account_seq",
    "SELECT seq FROM account WHERE id = $1",
};
static pg_done_fn on_seq_read;

void account_store_seq(const struct store_call *call, const struct uuid *id, int64_t *seq)
{
    struct account_call *c = account_call_new(call);
    struct pg_params params;

    c->seq = seq;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, id->text);
    pg_lookup(call->pool, &ACCOUNT_SEQ, &params, on_seq_read, c);
}

static void on_seq_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_call *c = arg;

    if (err == NULL && pg_n_rows(rows) == 0) {
        fail_as_gone(c);
        return;
    }
    if (err == NULL)
        *c->seq = pg_int(rows, 0, 0);
    finish(c, err);
}

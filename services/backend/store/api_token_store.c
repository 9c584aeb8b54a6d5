#include "services/backend/store/api_token_store.h"

#include "services/backend/store/principal_row.h"

/* A call on its way. */
struct token_call {
    struct store_call call;
    struct principal *who;
    struct api_token_list *list;
    bool *is_found;
    int tokens_max;
};

static struct token_call *token_call_new(const struct store_call *call)
{
    struct token_call *c = ARENA_NEW(call->arena, struct token_call);

    c->call = *call;
    return c;
}

static void finish(const struct token_call *c, const struct err *err)
{
    c->call.done(c->call.arg, err);
}

/* Orders at once may exceed the limit by their number: it keeps lists short, no more. */
const struct pg_statement API_TOKEN_ADD = {
    "api_token_add",
    "WITH owner AS MATERIALIZED (SELECT id FROM account WHERE id = $2::uuid FOR KEY SHARE), "
    "added AS ("
    "  INSERT INTO api_token (id, account_id, digest, name, scopes, created_at, expires_at)"
    "  SELECT $1::uuid, id, $3::bytea, $4, $5::text[], $6::timestamptz, $7::timestamptz FROM owner"
    "  WHERE (SELECT count(*) FROM api_token WHERE account_id = $2) < $8::int RETURNING 1) "
    "SELECT EXISTS (SELECT FROM added), EXISTS (SELECT FROM owner)",
};
static pg_done_fn on_added;

void api_token_store_add(const struct store_call *call, const struct uuid *account_id,
                         const struct api_token *token, const struct secret_digest *digest,
                         int tokens_max)
{
    struct token_call *c = token_call_new(call);
    struct pg_params params;

    c->tokens_max = tokens_max;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, token->id.text);
    pg_add_text(&params, account_id->text);
    pg_add_bytes(&params, digest->bytes, sizeof digest->bytes);
    pg_add_text(&params, token->name);
    pg_add_texts(&params, token->scopes.items, token->scopes.n_items);
    pg_add_time(&params, token->created_at);
    pg_add_time(&params, token->expires_at);
    pg_add_int(&params, tokens_max);
    pg_query(call->pool, &API_TOKEN_ADD, &params, on_added, c);
}

static void on_added(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct token_call *c = arg;
    struct err refusal = {0};

    if (err == NULL && !pg_bool(rows, 0, 1))
        err_set(&refusal, ERR_UNAUTHENTICATED, "this account was deleted");
    else if (err == NULL && !pg_bool(rows, 0, 0))
        err_set_slug(&refusal, ERR_CONFLICT, "too_many_tokens",
                     "you have %d tokens, which is the most; revoke one first", c->tokens_max);
    finish(c, err_is_set(&refusal) ? &refusal : err);
}

const struct pg_statement API_TOKEN_FIND = {
    "api_token_find",
    "SELECT t.account_id, t.scopes, "
    "coalesce(t.last_used_at < now() - interval '1 minute', true), " PRINCIPAL_COLUMNS " "
    "FROM api_token t JOIN account a ON a.id = t.account_id "
    "WHERE t.digest = $1 AND t.expires_at > now()",
};
const struct pg_statement API_TOKEN_TOUCH = {
    "api_token_touch",
    "UPDATE api_token SET last_used_at = now() WHERE digest = $1 "
    "AND coalesce(last_used_at < now() - interval '1 minute', true)",
};
static pg_done_fn on_found, on_touched;

/* The digest is kept for the touch, which outlives the call: it has parameters of its own. */
struct find_call {
    struct store_call call;
    struct principal *who;
    struct secret_digest digest;
};

void api_token_store_find(const struct store_call *call, const struct secret_digest *digest,
                          struct principal *who)
{
    struct find_call *c = ARENA_NEW(call->arena, struct find_call);
    struct pg_params params;

    *c = (struct find_call){*call, who, *digest};
    pg_params_init(&params, call->arena);
    pg_add_bytes(&params, digest->bytes, sizeof digest->bytes);
    pg_lookup(call->pool, &API_TOKEN_FIND, &params, on_found, c);
}

static void note_use(const struct find_call *c)
{
    struct pg_params params;

    pg_params_init(&params, c->call.arena);
    pg_add_bytes(&params, c->digest.bytes, sizeof c->digest.bytes);
    pg_query(c->call.pool, &API_TOKEN_TOUCH, &params, on_touched, NULL);
}

static void on_found(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct find_call *c = arg;
    struct err ignored = {0};

    *c->who = (struct principal){0};
    if (err == NULL && pg_n_rows(rows) > 0 && uuid_read(pg_text(rows, 0, 0), &c->who->user_id)) {
        struct json_texts scopes = {0};

        scopes.items = pg_texts(rows, 0, 1, c->call.arena, &scopes.n_items);
        if (!scope_read(&scopes, &c->who->scopes, &ignored))
            c->who->scopes = 0;
        principal_row_read(rows, 0, 3, c->who);
        if (pg_bool(rows, 0, 2))
            note_use(c);
    }
    c->call.done(c->call.arg, err);
}

/* That a use was not noted harms nobody: the next one is. */
static void on_touched(void *arg, const struct pg_rows *rows, const struct err *err)
{
    (void)arg;
    (void)rows;
    (void)err;
}

const struct pg_statement API_TOKEN_LIST = {
    "api_token_list",
    "SELECT id, name, scopes, created_at, expires_at, last_used_at FROM api_token "
    "WHERE account_id = $1 ORDER BY created_at DESC, id LIMIT 1000",
};
static pg_done_fn on_listed;

void api_token_store_list(const struct store_call *call, const struct uuid *account_id,
                          struct api_token_list *list)
{
    struct token_call *c = token_call_new(call);
    struct pg_params params;

    c->list = list;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, account_id->text);
    pg_query(call->pool, &API_TOKEN_LIST, &params, on_listed, c);
}

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct token_call *c = arg;
    struct arena *arena = c->call.arena;
    int n_rows = err == NULL ? pg_n_rows(rows) : 0;

    c->list->n_tokens = (size_t)n_rows;
    c->list->tokens = ARENA_NEW_ARRAY(arena, (size_t)n_rows + 1, struct api_token);
    for (int i = 0; i < n_rows; i++) {
        struct api_token *token = &c->list->tokens[i];

        if (!uuid_read(pg_text(rows, i, 0), &token->id))
            token->id = (struct uuid){""};
        token->name = pg_copy_text(rows, i, 1, arena);
        token->scopes.items = pg_texts(rows, i, 2, arena, &token->scopes.n_items);
        token->created_at = pg_time(rows, i, 3);
        token->expires_at = pg_time(rows, i, 4);
        token->last_used_at = pg_time(rows, i, 5);
    }
    finish(c, err);
}

const struct pg_statement API_TOKEN_REVOKE = {
    "api_token_revoke",
    "DELETE FROM api_token WHERE id = $1 AND account_id = $2 RETURNING 1",
};
static pg_done_fn on_revoked;

void api_token_store_revoke(const struct store_call *call, const struct uuid *account_id,
                            const struct uuid *id, bool *is_found)
{
    struct token_call *c = token_call_new(call);
    struct pg_params params;

    c->is_found = is_found;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, id->text);
    pg_add_text(&params, account_id->text);
    pg_query(call->pool, &API_TOKEN_REVOKE, &params, on_revoked, c);
}

static void on_revoked(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct token_call *c = arg;

    if (err == NULL)
        *c->is_found = pg_n_rows(rows) > 0;
    finish(c, err);
}

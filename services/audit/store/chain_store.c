#include "services/audit/store/chain_store.h"

#include "services/audit/store/entry_row.h"

struct open_call {
    struct pg_pool *pool;
    struct arena *arena;
    struct chain *chain;
    bool is_again;
    chain_done_fn *done;
    void *arg;
};

/* A key is made with the head and never again: so a late event cannot bring one back. No row: another
 * one was making the same head, and its end was waited for. */
const struct pg_statement CHAIN_OPEN = {
    "chain_open",
    "WITH made AS ("
    " INSERT INTO chain_head (owner_id)"
    " SELECT $1::uuid WHERE NOT EXISTS (SELECT FROM chain_head WHERE owner_id = $1::uuid)"
    " ON CONFLICT DO NOTHING RETURNING owner_id),"
    "keyed AS ("
    " INSERT INTO payload_key (owner_id, key) SELECT owner_id, $2::bytea FROM made RETURNING key)"
    " SELECT false, key FROM keyed"
    " UNION ALL"
    " SELECT h.erased_at IS NOT NULL, k.key FROM chain_head h LEFT JOIN payload_key k USING (owner_id)"
    " WHERE h.owner_id = $1::uuid",
};

static bool read_chain(const struct pg_rows *rows, struct chain *chain, struct err *err)
{
    if (pg_n_rows(rows) == 0)
        return err_set(err, ERR_UNAVAILABLE, "the owner's head was being made: try again");
    chain->is_erased = pg_bool(rows, 0, 0);
    return chain->is_erased || entry_row_read_bytes(rows, 0, 1, chain->key, sizeof(chain->key)) ||
           err_set(err, ERR_INTERNAL, "payload_key: there is no key of %s, nor was it erased",
                   chain->owner_id.text);
}

static pg_done_fn on_opened;

static void open_chain(struct open_call *call)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, call->chain->owner_id.text);
    pg_add_bytes(&params, call->chain->key, sizeof(call->chain->key));
    pg_query(call->pool, &CHAIN_OPEN, &params, on_opened, call);
}

static void on_opened(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct open_call *call = arg;
    struct err own = {0};

    if (err == NULL && pg_n_rows(rows) == 0 && !call->is_again) {
        call->is_again = true;
        open_chain(call);
        return;
    }
    if (err == NULL && !read_chain(rows, call->chain, &own))
        err = &own;
    call->done(call->arg, err);
}

void chain_store_open(struct pg_pool *pool, struct arena *arena, struct chain *chain,
                      chain_done_fn *done, void *arg)
{
    struct open_call *call = ARENA_NEW(arena, struct open_call);

    *call =
        (struct open_call){.pool = pool, .arena = arena, .chain = chain, .done = done, .arg = arg};
    open_chain(call);
}

struct append_call {
    struct append *append;
    chain_done_fn *done;
    void *arg;
};

static void on_appended(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct append_call *call = arg;
    struct err own = {0};

    if (err == NULL && !append_read_result(rows, call->append, &own))
        err = &own;
    call->done(call->arg, err);
}

static struct append_call *make_call(struct arena *arena, struct append *append,
                                     chain_done_fn *done, void *arg)
{
    struct append_call *call = ARENA_NEW(arena, struct append_call);

    *call = (struct append_call){append, done, arg};
    return call;
}

const struct pg_statement CHAIN_APPEND = {
    "chain_append",
    APPEND_ENTRY(APPEND_WHILE_SEALED, "") APPEND_RESULT,
};

void chain_store_append(struct pg_pool *pool, struct arena *arena, struct append *append,
                        chain_done_fn *done, void *arg)
{
    struct pg_params params;

    pg_params_init(&params, arena);
    append_add_params(&params, append);
    pg_query(pool, &CHAIN_APPEND, &params, on_appended, make_call(arena, append, done, arg));
}

const struct pg_statement CHAIN_ERASE = {
    "chain_erase",
    APPEND_ENTRY(
        "true",
        ", erased_at = coalesce(c.erased_at, now())") ","
                                                      "gone AS (DELETE FROM payload_key USING moved WHERE owner_id = $2::uuid)" APPEND_RESULT,
};

void chain_store_erase(struct pg_pool *pool, struct arena *arena, struct append *append,
                       chain_done_fn *done, void *arg)
{
    struct pg_params params;

    pg_params_init(&params, arena);
    append_add_params(&params, append);
    pg_query(pool, &CHAIN_ERASE, &params, on_appended, make_call(arena, append, done, arg));
}

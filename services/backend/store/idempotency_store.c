#include "services/backend/store/idempotency_store.h"

#include <string.h>

void idempotency_row_read(const struct pg_rows *rows, int row, int first, struct arena *arena,
                          struct idempotency_reply *reply)
{
    const unsigned char *hash;
    size_t n_bytes;

    *reply = (struct idempotency_reply){.is_there = !pg_is_null(rows, row, first)};
    if (!reply->is_there)
        return;
    hash = pg_bytes(rows, row, first, arena, &n_bytes);
    if (n_bytes == IDEMPOTENCY_HASH_SIZE)
        memcpy(reply->hash, hash, n_bytes);
    reply->status = (int)pg_int(rows, row, first + 1);
    if (!pg_is_null(rows, row, first + 2))
        memcpy(reply->task_id.text, pg_text(rows, row, first + 2), UUID_TEXT_SIZE);
    reply->version = pg_int(rows, row, first + 3);
    reply->body = pg_copy_text(rows, row, first + 4, arena);
}

/* A row that another transaction adds meanwhile is not seen by the second select: then neither
 * column is there, and it is asked again. */
const struct pg_statement IDEMPOTENCY_KEEP = {
    "idempotency_keep",
    "WITH kept AS ("
    "  INSERT INTO idempotency (owner_id, key, item, request_hash, status, task_id, version, body,"
    "    created_at)"
    "  VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9)"
    "  ON CONFLICT DO NOTHING RETURNING true AS is_kept) "
    "SELECT kept.is_kept, " IDEMPOTENCY_COLUMNS " "
    "FROM (SELECT) AS one LEFT JOIN kept ON true "
    "LEFT JOIN idempotency i ON i.owner_id = $1::uuid AND i.key = $2 AND i.item = $3",
};

/* A call on its way; the parameters are kept for the second time. */
struct keeping {
    struct store_call call;
    struct pg_params params;
    struct idempotency_reply *reply;
};
static pg_done_fn on_kept;

static void add_reply(struct pg_params *params, const struct idempotency_reply *reply)
{
    pg_add_int(params, reply->status);
    if (reply->task_id.text[0] == '\0')
        pg_add_text(params, NULL);
    else
        pg_add_text(params, arena_copy_text(params->arena, reply->task_id.text));
    if (reply->version == 0)
        pg_add_text(params, NULL);
    else
        pg_add_int(params, reply->version);
    pg_add_text(params, reply->body);
}

void idempotency_keep(const struct store_call *call, const struct uuid *owner_id,
                      const struct idempotency *key, int64_t now_ms,
                      struct idempotency_reply *reply)
{
    struct keeping *keeping = ARENA_NEW(call->arena, struct keeping);
    struct pg_params *params = &keeping->params;

    keeping->call = *call;
    keeping->reply = reply;
    pg_params_init(params, call->arena);
    pg_add_text(params, arena_copy_text(call->arena, owner_id->text));
    pg_add_text(params, key->key);
    pg_add_int(params, key->item);
    pg_add_bytes(params, key->hash, sizeof key->hash);
    add_reply(params, reply);
    pg_add_time(params, now_ms);
    pg_query(call->pool, &IDEMPOTENCY_KEEP, params, on_kept, keeping);
}

static void on_kept(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct keeping *keeping = arg;
    const struct store_call *call = &keeping->call;

    if (err == NULL && pg_is_null(rows, 0, 0) && pg_is_null(rows, 0, 1)) {
        pg_query(call->pool, &IDEMPOTENCY_KEEP, &keeping->params, on_kept, keeping);
        return;
    }
    if (err == NULL && pg_is_null(rows, 0, 0))
        idempotency_row_read(rows, 0, 1, call->arena, keeping->reply);
    call->done(call->arg, err);
}

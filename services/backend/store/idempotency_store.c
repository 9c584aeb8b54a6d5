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

/* The owner's row is held: once it is gone nothing is added behind the purge of what was the owner's.
 * A row that another transaction adds meanwhile is not seen by the last select: then neither it nor
 * ours is there, and it is asked again. */
const struct pg_statement IDEMPOTENCY_KEEP = {
    "idempotency_keep",
    "WITH owner AS MATERIALIZED (SELECT id FROM account WHERE id = $1::uuid FOR KEY SHARE), "
    "kept AS ("
    "  INSERT INTO idempotency (owner_id, key, item, request_hash, status, task_id, version, body,"
    "    created_at)"
    "  SELECT id, $2, $3::smallint, $4::bytea, $5::smallint, $6::uuid, $7::bigint, $8::text,"
    "    $9::timestamptz FROM owner"
    "  ON CONFLICT DO NOTHING RETURNING true AS is_kept) "
    "SELECT owner.id, kept.is_kept, " IDEMPOTENCY_COLUMNS " "
    "FROM (SELECT) AS one LEFT JOIN owner ON true LEFT JOIN kept ON true "
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
    struct err gone = {0};

    if (err == NULL && pg_is_null(rows, 0, 0)) {
        err_set(&gone, ERR_UNAUTHENTICATED, "this account was deleted");
        err = &gone;
    }
    if (err == NULL && pg_is_null(rows, 0, 1) && pg_is_null(rows, 0, 2)) {
        pg_query(call->pool, &IDEMPOTENCY_KEEP, &keeping->params, on_kept, keeping);
        return;
    }
    if (err == NULL && pg_is_null(rows, 0, 1))
        idempotency_row_read(rows, 0, 2, call->arena, keeping->reply);
    call->done(call->arg, err);
}

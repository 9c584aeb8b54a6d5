/* services/backend/store/task_read.c — one task read. */
#include <string.h>

#include "services/backend/store/idempotency_store.h"
#include "services/backend/store/task_row.h"
#include "services/backend/store/task_store.h"

/* A read on its way. */
struct task_reading {
    struct store_call call;
    struct uuid owner_id;
    void *target;
};

static struct task_reading *reading_new(const struct store_call *call, const struct uuid *owner_id,
                                        void *target)
{
    struct task_reading *reading = ARENA_NEW(call->arena, struct task_reading);

    *reading = (struct task_reading){.call = *call, .owner_id = *owner_id, .target = target};
    return reading;
}

static void finish(const struct task_reading *reading, const struct err *err)
{
    reading->call.done(reading->call.arg, err);
}

const struct pg_statement TASK_GET = {
    "task_get",
    "SELECT " TASK_COLUMNS " FROM task t WHERE t.owner_id = $1 AND t.id = $2",
};
static pg_done_fn on_got;

void task_store_get(const struct store_call *call, const struct uuid *owner_id,
                    const struct uuid *id, struct task *task)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_text(&params, id->text);
    pg_lookup(call->pool, &TASK_GET, &params, on_got, reading_new(call, owner_id, task));
}

static void on_got(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_reading *reading = arg;
    struct err missing = {0};

    if (err == NULL && pg_n_rows(rows) == 0) {
        err_set(&missing, ERR_NOT_FOUND, "you have no task with this id");
        err = &missing;
    }
    if (err == NULL)
        task_row_read(rows, 0, 0, &reading->owner_id, reading->call.arena, reading->target);
    finish(reading, err);
}

/* What a deleted account leaves behind is nobody's. */
const struct pg_statement TASK_LOAD = {
    "task_load",
    "SELECT " TASK_COLUMNS ", " SERIES_COLUMNS ", " IDEMPOTENCY_COLUMNS ", a.time_zone "
    "FROM (SELECT) AS one LEFT JOIN account a ON a.id = $1::uuid "
    "LEFT JOIN task t ON t.owner_id = a.id AND t.id = $2::uuid "
    "LEFT JOIN series s ON s.owner_id = t.owner_id AND s.id = t.series_id "
    "LEFT JOIN idempotency i ON i.owner_id = a.id AND i.key = $3 AND i.item = $4",
};
enum {
    COLUMN_SERIES = TASK_N_COLUMNS,
    COLUMN_REPLY = COLUMN_SERIES + SERIES_N_COLUMNS,
    COLUMN_ZONE = COLUMN_REPLY + IDEMPOTENCY_N_COLUMNS,
};
static pg_done_fn on_loaded;

void task_store_load(const struct store_call *call, const struct task_wanted *wanted,
                     struct task_loaded *loaded)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, wanted->owner_id.text);
    pg_add_text(&params, wanted->id.text);
    pg_add_text(&params, wanted->key->key);
    pg_add_int(&params, wanted->key->item);
    pg_lookup(call->pool, &TASK_LOAD, &params, on_loaded,
              reading_new(call, &wanted->owner_id, loaded));
}

static void on_loaded(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_reading *reading = arg;
    struct task_loaded *loaded = reading->target;
    struct arena *arena = reading->call.arena;

    if (err == NULL) {
        *loaded = (struct task_loaded){.is_there = !pg_is_null(rows, 0, 0)};
        idempotency_row_read(rows, 0, COLUMN_REPLY, arena, &loaded->reply);
        series_row_read(rows, 0, COLUMN_SERIES, arena, &loaded->series);
        loaded->account_zone = pg_copy_text(rows, 0, COLUMN_ZONE, arena);
        if (loaded->is_there)
            task_row_read(rows, 0, 0, &reading->owner_id, arena, &loaded->task);
    }
    finish(reading, err);
}

const struct pg_statement TASK_EXISTS = {
    "task_exists",
    "SELECT EXISTS (SELECT FROM task WHERE owner_id = $1::uuid AND id = $2::uuid) "
    "OR EXISTS (SELECT FROM task_tombstone WHERE owner_id = $1 AND id = $2)",
};
static pg_done_fn on_found;

void task_store_exists(const struct store_call *call, const struct uuid *owner_id,
                       const struct uuid *id, bool *is_there)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_text(&params, id->text);
    pg_lookup(call->pool, &TASK_EXISTS, &params, on_found, reading_new(call, owner_id, is_there));
}

static void on_found(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_reading *reading = arg;

    if (err == NULL)
        *(bool *)reading->target = pg_bool(rows, 0, 0);
    finish(reading, err);
}

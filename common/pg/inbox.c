#include "common/pg/inbox.h"

#include "common/base/arena.h"
#include "common/base/mem.h"
#include "common/net/loop.h"

enum { PURGE_EVERY_MS = 3600 * 1000, PURGE_AGAIN_MS = 20, PURGE_MAX = 1000 };

const struct pg_statement INBOX_PURGE = {
    "inbox_purge",
    "DELETE FROM inbox WHERE event_id IN ("
    " SELECT event_id FROM inbox WHERE handled_at < now() - make_interval(days => $1::int)"
    " ORDER BY handled_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
};

struct inbox_purge {
    struct pg_pool *pool; /* borrowed */
    struct loop_timer *timer;
    int days;
    bool is_running, is_freed; /* freed while running: the answer releases it */
};

static void on_purged(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct inbox_purge *purge = arg;
    bool is_more = err == NULL && pg_n_affected(rows) >= PURGE_MAX;

    purge->is_running = false;
    if (purge->is_freed)
        mem_free(purge);
    else /* what failed is as good as done: the next hour comes */
        loop_timer_start(purge->timer, is_more ? PURGE_AGAIN_MS : PURGE_EVERY_MS);
}

static void purge_some(void *arg)
{
    struct inbox_purge *purge = arg;
    struct arena arena;
    struct pg_params params;

    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_int(&params, purge->days);
    purge->is_running = true;
    pg_query(purge->pool, &INBOX_PURGE, &params, on_purged, purge);
    arena_clear(&arena);
}

struct inbox_purge *inbox_purge_start(struct loop *loop, struct pg_pool *pool, int days)
{
    struct inbox_purge *purge = MEM_NEW(struct inbox_purge);

    purge->pool = pool;
    purge->days = days;
    purge->timer = loop_timer_new(loop, purge_some, purge);
    loop_timer_start(purge->timer, PURGE_EVERY_MS);
    return purge;
}

void inbox_purge_free(struct inbox_purge *purge)
{
    if (purge == NULL)
        return;
    loop_timer_free(purge->timer);
    purge->timer = NULL;
    if (purge->is_running)
        purge->is_freed = true;
    else
        mem_free(purge);
}

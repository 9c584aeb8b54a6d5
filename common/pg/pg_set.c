#include "common/pg/pg_pool.h"

#include <string.h>

#include "common/base/mem.h"

enum { GRACE_MIN_MS = 100 };

struct pg_set *pg_set_new(struct pg_pool *pool, const char *url)
{
    struct pg_set *set = MEM_NEW(struct pg_set);

    set->pool = pool;
    set->url = mem_copy_text(url);
    set->n_conns = pool->config.connections;
    set->conns = mem_new_array((size_t)set->n_conns, sizeof(*set->conns));
    for (int i = 0; i < set->n_conns; i++)
        set->conns[i].set = set;
    return set;
}

void pg_set_free(struct pg_set *set)
{
    if (set == NULL)
        return;
    for (int i = 0; i < set->n_conns; i++)
        pg_conn_close(&set->conns[i]);
    memset(set->url, 0, strlen(set->url)); /* it holds a password */
    mem_free(set->url);
    mem_free(set->conns);
    mem_free(set);
}

bool pg_set_has_ready(const struct pg_set *set)
{
    for (int i = 0; set != NULL && i < set->n_conns; i++)
        if (set->conns[i].state == PG_CONN_READY)
            return true;
    return false;
}

void pg_set_open(struct pg_set *set, int64_t now_us)
{
    bool is_alone = !pg_set_has_ready(set);

    if (now_us < set->retry_us)
        return;
    for (int i = 0; i < set->n_conns; i++) {
        if (is_alone && set->conns[i].state != PG_CONN_CLOSED)
            return;
        if (set->conns[i].state == PG_CONN_CLOSED) {
            pg_conn_open(&set->conns[i]);
            if (is_alone)
                return;
        }
    }
}

void pg_set_settle(struct pg_set *set)
{
    for (int i = 0; i < set->n_conns; i++) {
        struct pg_conn *conn = &set->conns[i];

        if (conn->has_sent)
            pg_conn_flush(conn);
        if (conn->is_broken)
            pg_conn_lose(conn, NULL);
    }
}

int pg_set_count_calls(const struct pg_set *set)
{
    int n_calls = 0;

    for (int i = 0; set != NULL && i < set->n_conns; i++)
        n_calls += set->conns[i].n_calls;
    return n_calls;
}

int pg_set_count_ready(const struct pg_set *set)
{
    int n_ready = 0;

    for (int i = 0; set != NULL && i < set->n_conns; i++)
        n_ready += set->conns[i].state == PG_CONN_READY;
    return n_ready;
}

static void check_conn(struct pg_conn *conn, int64_t now_us)
{
    struct pg_pool *pool = conn->set->pool;
    int64_t limit_us = (int64_t)pool->config.limit_ms * 1000;
    int64_t grace_us = limit_us > GRACE_MIN_MS * 1000 ? limit_us : GRACE_MIN_MS * 1000;

    if (conn->state == PG_CONN_CONNECTING || conn->state == PG_CONN_PREPARING) {
        if (now_us >= conn->give_up_us)
            pg_conn_lose(conn, "connecting took too long");
        return;
    }
    for (struct pg_call *call = conn->calls.first;
         call != NULL && now_us >= call->began_us + limit_us; call = call->next)
        if (call->done != NULL)
            pg_call_give_up(pool, call);
    if (conn->calls.first != NULL && now_us >= conn->calls.first->began_us + limit_us + grace_us)
        pg_conn_lose(conn, "the server does not answer");
}

void pg_set_check(struct pg_set *set, int64_t now_us)
{
    for (int i = 0; set != NULL && i < set->n_conns; i++)
        check_conn(&set->conns[i], now_us);
}

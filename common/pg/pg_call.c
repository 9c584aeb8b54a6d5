/* Calls: made, queued, answered, given back to the pool's list of spare ones. */
#include <assert.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/pg/pg_pool.h"

enum { FREE_CALLS_MAX = 256 };

void pg_calls_add(struct pg_calls *calls, struct pg_call *call)
{
    call->next = NULL;
    if (calls->last != NULL)
        calls->last->next = call;
    else
        calls->first = call;
    calls->last = call;
    calls->n_entries++;
}

struct pg_call *pg_calls_take(struct pg_calls *calls)
{
    struct pg_call *call = calls->first;

    if (call == NULL)
        return NULL;
    calls->first = call->next;
    if (calls->first == NULL)
        calls->last = NULL;
    calls->n_entries--;
    return call;
}

size_t pg_pool_slot(const struct pg_pool *pool, const struct pg_statement *statement)
{
    size_t at = ((uintptr_t)statement >> 4) * 0x9E3779B1u & (pool->n_known - 1);

    while (pool->known[at].statement != NULL && pool->known[at].statement != statement)
        at = (at + 1) & (pool->n_known - 1);
    return at;
}

static struct pg_call *take_struct(struct pg_pool *pool)
{
    struct pg_call *call = pool->free_calls;

    if (call == NULL)
        return MEM_NEW(struct pg_call);
    pool->free_calls = call->next;
    pool->n_free_calls--;
    *call = (struct pg_call){0};
    return call;
}

struct pg_call *pg_call_new(struct pg_pool *pool, const struct pg_statement *statement,
                            pg_done_fn *done, void *arg)
{
    struct pg_call *call = take_struct(pool);

    call->known = &pool->known[pg_pool_slot(pool, statement)];
    assert(call->known->statement == statement);
    call->done = done;
    call->arg = arg;
    call->began_us = clock_monotonic_us();
    return call;
}

struct pg_call *pg_call_new_sync(struct pg_pool *pool)
{
    struct pg_call *sync = take_struct(pool);

    sync->began_us = clock_monotonic_us();
    return sync;
}

void pg_call_free(struct pg_pool *pool, struct pg_call *call)
{
    mem_free(call->saved);
    if (pool->n_free_calls >= FREE_CALLS_MAX) {
        mem_free(call);
        return;
    }
    call->next = pool->free_calls;
    pool->free_calls = call;
    pool->n_free_calls++;
}

void pg_call_send_again(struct pg_pool *pool, struct pg_call *call)
{
    call->is_lookup = false;
    if (call->done == NULL) { /* given up meanwhile */
        pg_call_free(pool, call);
        return;
    }
    pg_calls_add(&pool->again, call);
    pg_pool_plan_turn(pool);
}

static void call_back(struct pg_pool *pool, struct pg_call *call, const struct pg_rows *rows,
                      const struct err *err)
{
    pg_done_fn *done = call->done;

    call->done = NULL;
    pool->is_calling_back++;
    done(call->arg, rows, err);
    pool->is_calling_back--;
}

void pg_call_end(struct pg_pool *pool, struct pg_call *call, PGresult *result,
                 const struct err *err)
{
    const struct pg_rows rows = {result};

    if (call->done != NULL) {
        if (call->known->seconds != NULL)
            metrics_observe(call->known->seconds,
                            (double)(clock_monotonic_us() - call->began_us) / 1e6);
        call_back(pool, call, result != NULL ? &rows : NULL, err);
    }
    pg_call_free(pool, call);
}

void pg_call_give_up(struct pg_pool *pool, struct pg_call *call)
{
    struct err err;

    if (!pg_pool_is_ready(pool))
        err_set(&err, ERR_UNAVAILABLE, "no database connection within %d ms",
                pool->config.limit_ms);
    else
        err_set(&err, ERR_TIMEOUT, "the database did not answer within %d ms",
                pool->config.limit_ms);
    call_back(pool, call, NULL, &err);
}

void pg_call_save_params(struct pg_call *call, const struct pg_params *params)
{
    size_t n_bytes = sizeof(struct pg_saved_params) + (size_t)params->n_values * sizeof(char *);
    size_t at = n_bytes;
    struct pg_saved_params *saved;

    for (int i = 0; i < params->n_values; i++)
        n_bytes += params->values[i] != NULL ? strlen(params->values[i]) + 1 : 0;
    saved = mem_new(n_bytes);
    saved->n_values = params->n_values;
    for (int i = 0; i < params->n_values; i++) {
        if (params->values[i] == NULL)
            continue;
        n_bytes = strlen(params->values[i]) + 1;
        saved->values[i] = memcpy((char *)saved + at, params->values[i], n_bytes);
        at += n_bytes;
    }
    call->saved = saved;
}

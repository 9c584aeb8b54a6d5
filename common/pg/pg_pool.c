/* How the pool works. A call goes at once to the ready connection with the fewest calls, or waits.
 * Whatever touches connections as a whole (flush, open, close, lose) happens once per turn of the
 * event loop, after the callbacks of that turn, in on_turn: so no callback ever finds its connection
 * gone. One coarse timer, running only while something is outstanding, holds all deadlines: the
 * calls of a pool share one limit, so that every queue is in order of deadline already. */
#include "common/pg/pg_pool.h"

#include <assert.h>
#include <string.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"

static void on_turn(evutil_socket_t fd, short what, void *arg);
static void on_tick(evutil_socket_t fd, short what, void *arg);

/* -------------------------------------------------------------------------- statements */

static void learn_statements(struct pg_pool *pool)
{
    struct metrics *metrics = pool->config.metrics;
    char labels[128];

    while (pool->config.statements[pool->n_statements] != NULL)
        pool->n_statements++;
    pool->n_known = 4;
    while (pool->n_known < 2 * (size_t)pool->n_statements)
        pool->n_known *= 2;
    pool->known = mem_new_array(pool->n_known, sizeof(*pool->known));
    for (int i = 0; i < pool->n_statements; i++) {
        const struct pg_statement *statement = pool->config.statements[i];
        struct pg_known *known = &pool->known[pg_pool_slot(pool, statement)];

        known->statement = statement;
        if (metrics == NULL)
            continue;
        snprintf(labels, sizeof(labels), "statement=\"%s\"", statement->name);
        known->seconds = metrics_histogram(metrics, "pg_call_duration_seconds",
                                           "Time from a call to its answer.", labels);
    }
}

static void register_metrics(struct pg_pool *pool)
{
    struct metrics *metrics = pool->config.metrics;

    if (metrics == NULL)
        return;
    pool->ready_gauge = metrics_gauge(metrics, "pg_connections_ready",
                                      "Database connections that take calls.", NULL);
    pool->waiting_gauge =
        metrics_gauge(metrics, "pg_calls_waiting", "Calls that wait for a connection.", NULL);
    pool->running_gauge =
        metrics_gauge(metrics, "pg_calls_running", "Calls sent and not answered.", NULL);
    pool->lost_counter = metrics_counter(metrics, "pg_connections_lost_total",
                                         "Connections that broke or could not be made.", NULL);
}

/* -------------------------------------------------------------------------- calls */

/* The ready connection with the fewest calls, if it has room; for a lookup one that has other
 * lookups of this turn, so that they share a Sync. */
static struct pg_conn *choose_conn(const struct pg_pool *pool, bool is_lookup)
{
    const struct pg_set *set = pool->current;
    struct pg_conn *best = NULL;

    for (int i = 0; set != NULL && i < set->n_conns; i++) {
        struct pg_conn *conn = &set->conns[i];

        if (conn->state != PG_CONN_READY || conn->is_broken ||
            conn->n_calls >= pool->config.pipeline_max)
            continue;
        if (is_lookup && conn->n_open > 0)
            return conn;
        if (best == NULL || conn->n_calls < best->n_calls)
            best = conn;
    }
    return best;
}

static void start_call(struct pg_pool *pool, struct pg_call *call, const struct pg_params *params)
{
    struct pg_conn *conn = pool->waiting.first == NULL ? choose_conn(pool, call->is_lookup) : NULL;

    if (conn == NULL && pool->waiting.n_entries >= pool->config.waiting_max) {
        pg_calls_add(&pool->refused, call);
        pg_pool_plan_turn(pool);
        return;
    }
    if (conn == NULL || call->is_lookup)
        pg_call_save_params(call, params);
    if (conn != NULL) {
        pg_conn_send(conn, call, params->values, params->n_values);
        return;
    }
    pg_calls_add(&pool->waiting, call);
    pg_pool_plan_turn(pool);
}

void pg_query(struct pg_pool *pool, const struct pg_statement *statement,
              const struct pg_params *params, pg_done_fn *done, void *arg)
{
    start_call(pool, pg_call_new(pool, statement, done, arg), params);
}

void pg_lookup(struct pg_pool *pool, const struct pg_statement *statement,
               const struct pg_params *params, pg_done_fn *done, void *arg)
{
    struct pg_call *call = pg_call_new(pool, statement, done, arg);

    call->is_lookup = true;
    start_call(pool, call, params);
}

/* -------------------------------------------------------------------------- sets */

void pg_pool_set_url(struct pg_pool *pool, const char *url)
{
    struct pg_set *newest = pool->coming != NULL ? pool->coming : pool->current;

    if (newest != NULL && strcmp(newest->url, url) == 0)
        return;
    /* a set that never worked has no calls, so nothing is lost with it */
    pg_set_free(pool->coming);
    pool->coming = NULL;
    if (pool->current == NULL)
        pool->current = pg_set_new(pool, url);
    else if (strcmp(pool->current->url, url) != 0)
        pool->coming = pg_set_new(pool, url);
    pg_pool_plan_turn(pool);
}

static void adopt_coming(struct pg_pool *pool)
{
    if (!pg_set_has_ready(pool->coming))
        return;
    pool->current->next = pool->retired;
    pool->retired = pool->current;
    pool->current = pool->coming;
    pool->coming = NULL;
    log_info(pool->config.log, "pg_url_changed", KV("connections", pool->current->n_conns));
}

/* A retired set ends after its last answer. */
static void end_retired(struct pg_pool *pool)
{
    struct pg_set **at = &pool->retired;

    while (*at != NULL) {
        struct pg_set *set = *at;

        pg_set_settle(set);
        for (int i = 0; i < set->n_conns; i++)
            if (set->conns[i].n_calls == 0)
                pg_conn_close(&set->conns[i]);
        if (pg_set_count_calls(set) > 0) {
            at = &set->next;
            continue;
        }
        *at = set->next;
        pg_set_free(set);
    }
}

/* -------------------------------------------------------------------------- turns */

void pg_pool_plan_turn(struct pg_pool *pool)
{
    if (pool->is_turn_planned)
        return;
    pool->is_turn_planned = true;
    event_active(pool->turn, EV_TIMEOUT, 1); /* behind everything that is ready in this turn */
}

/* What is to be sent again came before all that waits. */
static void put_first(struct pg_pool *pool)
{
    struct pg_calls joined = pool->again;
    struct pg_call *call;

    if (joined.first == NULL)
        return;
    while ((call = pg_calls_take(&pool->waiting)) != NULL)
        pg_calls_add(&joined, call);
    pool->waiting = joined;
    pool->again = (struct pg_calls){0};
}

static void send_waiting(struct pg_pool *pool)
{
    int64_t oldest_us = clock_monotonic_us() - (int64_t)pool->config.limit_ms * 1000;
    struct pg_conn *conn;

    put_first(pool);
    while (pool->waiting.first != NULL &&
           (conn = choose_conn(pool, pool->waiting.first->is_lookup)) != NULL) {
        struct pg_call *call = pg_calls_take(&pool->waiting);

        if (call->began_us <= oldest_us) {
            pg_call_give_up(pool, call);
            pg_call_free(pool, call);
            continue;
        }
        pg_conn_send(conn, call, call->saved->values, call->saved->n_values);
        if (!call->is_lookup) {
            mem_free(call->saved);
            call->saved = NULL;
        }
    }
}

static void end_refused(struct pg_pool *pool)
{
    struct pg_calls refused = pool->refused;
    struct pg_call *call;
    struct err err;

    if (refused.first == NULL)
        return;
    pool->refused = (struct pg_calls){0};
    err_set(&err, ERR_UNAVAILABLE, "%d database calls wait already", pool->config.waiting_max);
    while ((call = pg_calls_take(&refused)) != NULL)
        pg_call_end(pool, call, NULL, &err);
}

/* Keep the timer running while a deadline or an attempt lies ahead. */
static void plan_tick(struct pg_pool *pool)
{
    int n_running = pg_set_count_calls(pool->current);
    bool is_whole =
        pool->coming == NULL && pool->retired == NULL &&
        (pool->current == NULL || pg_set_count_ready(pool->current) == pool->current->n_conns);
    int64_t wait_ms = pool->config.limit_ms / 8;

    metrics_set(pool->running_gauge, n_running);
    metrics_set(pool->waiting_gauge, pool->waiting.n_entries);
    if (pool->is_tick_planned || (is_whole && n_running + pool->waiting.n_entries == 0))
        return;
    if (wait_ms > 50)
        wait_ms = 50;
    if (wait_ms < 5)
        wait_ms = 5;
    pool->is_tick_planned = true;
    event_add(pool->tick, &(struct timeval){0, (suseconds_t)wait_ms * 1000});
}

static void log_ready(struct pg_pool *pool)
{
    int n_ready = pg_set_count_ready(pool->current);

    if (pool->current == NULL)
        return;
    if ((n_ready == 0) != (pool->n_ready_seen == 0) ||
        (n_ready > pool->n_ready_seen && n_ready == pool->current->n_conns))
        log_info(pool->config.log, n_ready > 0 ? "pg_connected" : "pg_disconnected",
                 KV("connections", n_ready));
    pool->n_ready_seen = n_ready;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct pg_pool *pool = arg;
    int64_t now_us = clock_monotonic_us();

    (void)fd;
    (void)what;
    pool->is_turn_planned = false;
    adopt_coming(pool);
    end_refused(pool);
    if (pool->current != NULL) {
        send_waiting(pool);
        pg_set_settle(pool->current);
        pg_set_open(pool->current, now_us);
    }
    if (pool->coming != NULL) {
        pg_set_settle(pool->coming);
        pg_set_open(pool->coming, now_us);
    }
    end_retired(pool);
    log_ready(pool);
    plan_tick(pool);
}

/* -------------------------------------------------------------------------- deadlines */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct pg_pool *pool = arg;
    int64_t now_us = clock_monotonic_us();
    int64_t limit_us = (int64_t)pool->config.limit_ms * 1000;

    (void)fd;
    (void)what;
    pool->is_tick_planned = false;
    while (pool->waiting.first != NULL && now_us >= pool->waiting.first->began_us + limit_us) {
        struct pg_call *call = pg_calls_take(&pool->waiting);

        pg_call_give_up(pool, call);
        pg_call_free(pool, call);
    }
    pg_set_check(pool->current, now_us);
    pg_set_check(pool->coming, now_us);
    for (struct pg_set *set = pool->retired; set != NULL; set = set->next)
        pg_set_check(set, now_us);
    pg_pool_plan_turn(pool);
}

/* -------------------------------------------------------------------------- life */

struct pg_pool *pg_pool_new(const struct pg_config *config)
{
    struct pg_pool *pool = MEM_NEW(struct pg_pool);

    assert(config->connections > 0 && config->limit_ms > 0);
    pool->config = *config;
    if (pool->config.pipeline_max == 0)
        pool->config.pipeline_max = 64;
    if (pool->config.waiting_max == 0)
        pool->config.waiting_max = 4096;
    pool->jitter = (uint32_t)clock_monotonic_us();
    register_metrics(pool);
    learn_statements(pool);
    pool->turn = event_new(loop_base(config->loop), -1, 0, on_turn, pool);
    pool->tick = event_new(loop_base(config->loop), -1, 0, on_tick, pool);
    return pool;
}

bool pg_pool_is_ready(const struct pg_pool *pool)
{
    return pg_set_has_ready(pool->current);
}

static void end_set(struct pg_set *set)
{
    for (int i = 0; set != NULL && i < set->n_conns; i++)
        if (set->conns[i].n_calls > 0)
            pg_conn_lose(&set->conns[i], "the service ends");
    pg_set_free(set);
}

static void end_waiting(struct pg_pool *pool)
{
    struct pg_call *call;
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "the service ends");
    while ((call = pg_calls_take(&pool->waiting)) != NULL ||
           (call = pg_calls_take(&pool->again)) != NULL ||
           (call = pg_calls_take(&pool->refused)) != NULL)
        pg_call_end(pool, call, NULL, &err);
}

void pg_pool_free(struct pg_pool *pool)
{
    struct pg_set *current, *set;
    struct pg_call *call;

    if (pool == NULL)
        return;
    assert(pool->is_calling_back == 0);
    current = pool->current;
    pool->current = NULL; /* what the callbacks ask for now is refused */
    pool->config.waiting_max = 0;
    end_set(current);
    end_set(pool->coming);
    while ((set = pool->retired) != NULL) {
        pool->retired = set->next;
        end_set(set);
    }
    end_waiting(pool);
    while ((call = pool->free_calls) != NULL) {
        pool->free_calls = call->next;
        mem_free(call);
    }
    event_free(pool->turn);
    event_free(pool->tick);
    mem_free(pool->known);
    mem_free(pool);
}

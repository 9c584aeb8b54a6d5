/* How calls run on one connection. A call is a Bind and an Execute, and a Sync of its own: it is over
 * when the Sync is answered, not when its result comes, for the commit happens in between and may
 * fail. Lookups do without that: those of one turn share a Sync, and are over with their result.
 * When one of them fails, the server skips those behind it up to the Sync: they are sent again, each
 * with a Sync of its own. In the queue of calls, a Sync is an entry too. */
#include "common/pg/pg_pool.h"

#include <stdio.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"

enum { RETRY_MIN_MS = 50, RETRY_MAX_MS = 3000 };

void pg_conn_set_state(struct pg_conn *conn, enum pg_conn_state state)
{
    struct pg_pool *pool = conn->set->pool;
    int was_ready = conn->state == PG_CONN_READY, is_ready = state == PG_CONN_READY;

    conn->state = state;
    if (was_ready != is_ready)
        metrics_add(pool->ready_gauge, is_ready - was_ready);
    pg_pool_plan_turn(pool);
}

void pg_copy_line(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from != NULL ? from : "");
    for (char *c = to; *c != '\0'; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    for (size_t n = strlen(to); n > 0 && to[n - 1] == ' '; n--)
        to[n - 1] = '\0';
}

/* -------------------------------------------------------------------------- sending */

static void set_cork(struct pg_conn *conn, int is_on)
{
    conn->is_corked = is_on != 0;
    /* fails on a Unix socket, where nothing is lost by it */
    setsockopt(PQsocket(conn->pg), IPPROTO_TCP, TCP_CORK, &is_on, sizeof(is_on));
}

static void add_sync(struct pg_conn *conn)
{
    conn->n_open = 0;
    pg_calls_add(&conn->calls, pg_call_new_sync(conn->set->pool));
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    if (PQsendPipelineSync(conn->pg) != 1)
        conn->is_broken = true;
#else
    /* This one writes to the socket each time. From the second one of a turn on, hold the bytes
     * back in the kernel, so that the server sees what follows in one piece. */
    if (++conn->n_syncs == 2)
        set_cork(conn, 1);
    if (PQpipelineSync(conn->pg) != 1)
        conn->is_broken = true;
#endif
}

void pg_conn_send(struct pg_conn *conn, struct pg_call *call, const char *const *values,
                  int n_values)
{
    if (!call->is_lookup && conn->n_open > 0)
        add_sync(conn);
    pg_calls_add(&conn->calls, call);
    conn->n_calls++;
    conn->has_sent = true;
    pg_pool_plan_turn(conn->set->pool);
    if (conn->is_broken)
        return; /* lost at the turn's end, this call with it */
    if (PQsendQueryPrepared(conn->pg, call->known->statement->name, n_values, values, NULL, NULL,
                            0) != 1)
        conn->is_broken = true;
    else if (!call->is_lookup || ++conn->n_open == PG_LOOKUPS_MAX)
        add_sync(conn);
}

void pg_conn_flush(struct pg_conn *conn)
{
    if (conn->n_open > 0 && !conn->is_broken)
        add_sync(conn);
    conn->has_sent = false;
    conn->n_syncs = 0;
    if (conn->pg == NULL || conn->is_broken)
        return;
    if (conn->is_corked)
        set_cork(conn, 0);
    switch (PQflush(conn->pg)) {
    case 0:
        break;
    case 1:
        event_add(conn->writable, NULL);
        break;
    default:
        conn->is_broken = true;
        pg_pool_plan_turn(conn->set->pool);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pg_conn_flush(arg);
}

/* -------------------------------------------------------------------------- receiving */

/* Keep the result of the first call until it is over. An error behind a result is a commit that
 * failed; behind an error comes nothing that says more. */
static void keep_answer(struct pg_conn *conn, PGresult *result)
{
    if (conn->answer == NULL || (PQresultStatus(conn->answer) != PGRES_FATAL_ERROR &&
                                 PQresultStatus(result) == PGRES_FATAL_ERROR)) {
        PQclear(conn->answer);
        conn->answer = result;
    } else {
        PQclear(result);
    }
}

static void end_call(struct pg_conn *conn, struct pg_call *call)
{
    struct pg_pool *pool = conn->set->pool;
    PGresult *answer = conn->answer;

    conn->answer = NULL;
    conn->n_calls--;
    switch (PQresultStatus(answer)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        pg_call_end(pool, call, answer, NULL);
        break;
    case PGRES_PIPELINE_ABORTED: /* a lookup behind one that failed */
        pg_call_send_again(pool, call);
        break;
    default: {
        struct err err;

        if (pg_err_set_result(&err, answer))
            conn->is_broken = true;
        pg_call_end(pool, call, NULL, &err);
    }
    }
    PQclear(answer);
}

/* The end of one answer: a lookup is over, another call when its Sync is answered. */
static bool end_answer(struct pg_conn *conn)
{
    if (!conn->calls.first->is_lookup || conn->answer == NULL)
        return false;
    end_call(conn, pg_calls_take(&conn->calls));
    return true;
}

static void end_sync(struct pg_conn *conn)
{
    struct pg_call *call = pg_calls_take(&conn->calls), *sync = call;

    if (call->known != NULL)
        sync = pg_calls_take(&conn->calls);
    if (sync == NULL || sync->known != NULL) { /* out of step */
        conn->is_broken = true;
        if (sync != NULL)
            pg_calls_add(&conn->calls, sync);
    } else {
        pg_call_free(conn->set->pool, sync);
    }
    if (call != sync)
        end_call(conn, call);
}

static void read_answers(struct pg_conn *conn)
{
    bool was_null = false;

    while (conn->calls.first != NULL && !conn->is_broken && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);

        if (result == NULL) {
            if (end_answer(conn))
                continue;
            conn->is_broken = was_null; /* libpq has nothing in flight any more, we have */
            was_null = true;
            continue;
        }
        was_null = false;
        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
            keep_answer(conn, result);
            continue;
        }
        PQclear(result);
        end_sync(conn);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *conn = arg;
    bool is_open = PQconsumeInput(conn->pg) == 1;

    (void)fd;
    (void)what;
    if (conn->state == PG_CONN_PREPARING)
        pg_conn_read_prepared(conn);
    if (conn->state == PG_CONN_READY)
        read_answers(conn);
    if (!is_open || PQstatus(conn->pg) == CONNECTION_BAD)
        conn->is_broken = true;
    if (conn->is_broken) {
        event_del(conn->readable); /* it would fire again before the turn's end */
        pg_pool_plan_turn(conn->set->pool);
    }
}

void pg_conn_watch(struct pg_conn *conn)
{
    struct event_base *base = loop_base(conn->set->pool->config.loop);
    int fd = PQsocket(conn->pg);

    pg_conn_unwatch(conn);
    conn->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(base, fd, EV_WRITE, on_writable, conn);
    event_add(conn->readable, NULL);
}

void pg_conn_unwatch(struct pg_conn *conn)
{
    if (conn->readable != NULL)
        event_free(conn->readable);
    if (conn->writable != NULL)
        event_free(conn->writable);
    conn->readable = conn->writable = NULL;
}

/* -------------------------------------------------------------------------- the end */

void pg_conn_close(struct pg_conn *conn)
{
    pg_conn_unwatch(conn);
    PQclear(conn->answer);
    conn->answer = NULL;
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->is_broken = conn->is_corked = false;
    conn->why = NULL;
    conn->n_open = conn->n_syncs = 0;
    conn->has_sent = false;
    if (conn->state != PG_CONN_CLOSED)
        pg_conn_set_state(conn, PG_CONN_CLOSED);
}

/* 50 ms, doubled by every failure up to 3 s, half of it by chance. */
static int64_t backoff_us(struct pg_set *set)
{
    int64_t wait_us = RETRY_MIN_MS * 1000;

    for (int i = 1; i < set->n_failures && wait_us < RETRY_MAX_MS * 1000; i++)
        wait_us *= 2;
    if (wait_us > RETRY_MAX_MS * 1000)
        wait_us = RETRY_MAX_MS * 1000;
    set->pool->jitter = set->pool->jitter * 1664525 + 1013904223;
    return wait_us / 2 + wait_us / 2 * (int64_t)(set->pool->jitter >> 16) / 65536;
}

void pg_conn_lose(struct pg_conn *conn, const char *why)
{
    struct pg_set *set = conn->set;
    struct pg_pool *pool = set->pool;
    struct pg_calls lost = conn->calls;
    bool was_ready = conn->state == PG_CONN_READY;
    char message[ERR_TEXT_MAX];
    struct err err;
    struct pg_call *call;

    if (why == NULL)
        why = conn->why;
    if (why == NULL && conn->answer != NULL)
        why = PQresultErrorField(conn->answer, PG_DIAG_MESSAGE_PRIMARY);
    if (why == NULL || *why == '\0')
        why = conn->pg != NULL ? PQerrorMessage(conn->pg) : "out of memory";
    pg_copy_line(message, sizeof(message), why);
    set->n_failures += !was_ready;
    set->retry_us = clock_monotonic_us() + backoff_us(set);
    log_warn(pool->config.log, was_ready ? "pg_connection_lost" : "pg_connect_failed",
             KV("err", (const char *)message), KV("calls", conn->n_calls),
             KV("attempt", set->n_failures));
    metrics_add(pool->lost_counter, 1);
    conn->calls = (struct pg_calls){0};
    conn->n_calls = 0;
    pg_conn_close(conn);
    err_set(&err, ERR_UNAVAILABLE, "database connection lost: %s", message);
    while ((call = pg_calls_take(&lost)) != NULL)
        pg_call_end(pool, call, NULL, &err);
}

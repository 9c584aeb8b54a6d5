/* How one connection works. It is opened without blocking, put into pipeline mode, and gets the
 * session's settings and every statement's Parse in one go, with one Sync behind. Then it is ready:
 * a call is a Bind, Execute and Sync of its own. A call is over when its Sync is answered, not when
 * its result comes: the commit happens in between, and may fail. */
#include "common/pg/pg_pool.h"

#include <stdio.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"

enum { CONNECT_LIMIT_MS = 10000, RETRY_MIN_MS = 50, RETRY_MAX_MS = 3000, N_SETTINGS = 1 };

/* What the URL may override stands before it; what we rely on stands in SETTINGS_SQL. */
static const char *const connect_keys[] = {
    "connect_timeout",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "gssencmode",
    "dbname",
    "client_encoding",
    NULL,
};

static const char SETTINGS_SQL[] =
    "SELECT set_config('statement_timeout', $1, false), set_config('TimeZone', 'UTC', false),"
    " set_config('DateStyle', 'ISO, YMD', false), set_config('bytea_output', 'hex', false),"
    " set_config('standard_conforming_strings', 'on', false)";

static void on_connecting(evutil_socket_t fd, short what, void *arg);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

void pg_calls_add(struct pg_calls *calls, struct pg_call *call)
{
    call->next = NULL;
    if (calls->last != NULL)
        calls->last->next = call;
    else
        calls->first = call;
    calls->last = call;
    calls->n_calls++;
}

struct pg_call *pg_calls_take(struct pg_calls *calls)
{
    struct pg_call *call = calls->first;

    if (call == NULL)
        return NULL;
    calls->first = call->next;
    if (calls->first == NULL)
        calls->last = NULL;
    calls->n_calls--;
    return call;
}

static void set_state(struct pg_conn *conn, enum pg_conn_state state)
{
    struct pg_pool *pool = conn->set->pool;
    int was_ready = conn->state == PG_CONN_READY, is_ready = state == PG_CONN_READY;

    conn->state = state;
    if (was_ready != is_ready)
        metrics_add(pool->ready_gauge, is_ready - was_ready);
    pg_pool_plan_turn(pool);
}

/* libpq's messages end in a newline and may have several lines: a log line has one. */
static void copy_line(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from != NULL ? from : "");
    for (char *c = to; *c != '\0'; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    for (size_t n = strlen(to); n > 0 && to[n - 1] == ' '; n--)
        to[n - 1] = '\0';
}

/* -------------------------------------------------------------------------- connecting */

static void free_events(struct pg_conn *conn)
{
    if (conn->readable != NULL)
        event_free(conn->readable);
    if (conn->writable != NULL)
        event_free(conn->writable);
    conn->readable = conn->writable = NULL;
}

static struct event_base *base_of(const struct pg_conn *conn)
{
    return loop_base(conn->set->pool->config.loop);
}

/* libpq may have closed its socket and opened another between two polls: a new event each time. */
static void watch_connecting(struct pg_conn *conn, short what)
{
    free_events(conn);
    conn->readable = event_new(base_of(conn), PQsocket(conn->pg), what, on_connecting, conn);
    event_add(conn->readable, NULL);
}

/* What libpq says of a URL it cannot read quotes it, with the password. */
static const char *why_unreadable(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);

    if (options == NULL)
        return "the URL is malformed";
    PQconninfoFree(options);
    return NULL;
}

void pg_conn_open(struct pg_conn *conn)
{
    const char *values[] = {
        "10", "todo-app", "1", "30", "10", "3", "30000", "disable", conn->set->url, "UTF8", NULL,
    };

    conn->pg = PQconnectStartParams(connect_keys, values, 1);
    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD) {
        conn->why = why_unreadable(conn->set->url);
        conn->is_broken = true;
        set_state(conn, PG_CONN_CONNECTING); /* a failed attempt, seen at the turn's end */
        return;
    }
    conn->give_up_us = clock_monotonic_us() + CONNECT_LIMIT_MS * 1000;
    set_state(conn, PG_CONN_CONNECTING);
    watch_connecting(conn, EV_WRITE);
}

static void ignore_notice(void *arg, const PGresult *notice)
{
    (void)arg;
    (void)notice;
}

/* Send the settings and all statements, with one Sync. */
static void start_preparing(struct pg_conn *conn)
{
    const struct pg_pool *pool = conn->set->pool;
    char limit[24];
    const char *const values[] = {limit};
    bool is_sent;

    PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
    snprintf(limit, sizeof(limit), "%d", pool->config.limit_ms);
    is_sent = PQsetnonblocking(conn->pg, 1) == 0 && PQenterPipelineMode(conn->pg) == 1 &&
              PQsendQueryParams(conn->pg, SETTINGS_SQL, 1, NULL, values, NULL, NULL, 0) == 1;
    for (int i = 0; is_sent && i < pool->n_statements; i++)
        is_sent = PQsendPrepare(conn->pg, pool->config.statements[i]->name,
                                pool->config.statements[i]->sql, 0, NULL) == 1;
    conn->is_broken = !is_sent || PQpipelineSync(conn->pg) != 1;
    conn->n_prepared = 0;
    free_events(conn);
    conn->readable =
        event_new(base_of(conn), PQsocket(conn->pg), EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(base_of(conn), PQsocket(conn->pg), EV_WRITE, on_writable, conn);
    event_add(conn->readable, NULL);
    set_state(conn, PG_CONN_PREPARING);
    pg_conn_flush(conn);
}

static void on_connecting(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *conn = arg;

    (void)fd;
    (void)what;
    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_READING:
        watch_connecting(conn, EV_READ);
        return;
    case PGRES_POLLING_WRITING:
        watch_connecting(conn, EV_WRITE);
        return;
    case PGRES_POLLING_OK:
        start_preparing(conn);
        break;
    default:
        conn->is_broken = true;
    }
    if (conn->is_broken)
        pg_pool_plan_turn(conn->set->pool);
}

/* -------------------------------------------------------------------------- preparing */

static void log_unprepared(const struct pg_conn *conn, const PGresult *result)
{
    const struct pg_pool *pool = conn->set->pool;
    const int i = conn->n_prepared - N_SETTINGS;
    char message[ERR_TEXT_MAX];

    copy_line(message, sizeof(message), PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    log_error(pool->config.log, "pg_statement_not_prepared",
              KV("statement", i < 0 ? "settings" : pool->config.statements[i]->name),
              KV("sqlstate", (const char *)PQresultErrorField(result, PG_DIAG_SQLSTATE)),
              KV("err", (const char *)message));
}

static void read_prepared(struct pg_conn *conn)
{
    while (!conn->is_broken && conn->state == PG_CONN_PREPARING && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);

        if (result == NULL) { /* ends one answer */
            conn->n_prepared++;
            continue;
        }
        switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
            break;
        case PGRES_PIPELINE_SYNC:
            conn->set->n_failures = 0;
            conn->set->retry_us = 0;
            set_state(conn, PG_CONN_READY);
            break;
        default:
            log_unprepared(conn, result);
            conn->is_broken = true;
        }
        PQclear(result);
    }
}

/* -------------------------------------------------------------------------- calls */

static void set_cork(struct pg_conn *conn, int is_on)
{
    conn->is_corked = is_on != 0;
    /* fails on a Unix socket, where nothing is lost by it */
    setsockopt(PQsocket(conn->pg), IPPROTO_TCP, TCP_CORK, &is_on, sizeof(is_on));
}

static bool send_sync(struct pg_conn *conn)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(conn->pg) == 1;
#else
    /* This one writes to the socket each time. From the second call of a turn on, hold the bytes
     * back in the kernel, so that the server sees what follows in one piece. */
    if (conn->n_sent == 1)
        set_cork(conn, 1);
    return PQpipelineSync(conn->pg) == 1;
#endif
}

void pg_conn_send(struct pg_conn *conn, struct pg_call *call, const char *const *values,
                  int n_values)
{
    pg_calls_add(&conn->calls, call);
    if (conn->is_broken)
        return; /* lost at the turn's end, this call with it */
    if (PQsendQueryPrepared(conn->pg, call->known->statement->name, n_values, values, NULL, NULL,
                            0) != 1 ||
        !send_sync(conn))
        conn->is_broken = true;
    conn->n_sent++;
    pg_pool_plan_turn(conn->set->pool);
}

void pg_conn_flush(struct pg_conn *conn)
{
    conn->n_sent = 0;
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

/* Keep the result until the Sync. An error behind a result is a commit that failed; behind an error
 * comes nothing that says more. */
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

static void end_first_call(struct pg_conn *conn)
{
    struct pg_call *call = pg_calls_take(&conn->calls);
    PGresult *answer = conn->answer;

    conn->answer = NULL;
    switch (PQresultStatus(answer)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        pg_pool_end_call(conn->set->pool, call, answer, NULL);
        break;
    default: {
        struct err err;

        if (pg_err_set_result(&err, answer))
            conn->is_broken = true;
        pg_pool_end_call(conn->set->pool, call, NULL, &err);
    }
    }
    PQclear(answer);
}

static void read_answers(struct pg_conn *conn)
{
    bool was_null = false;

    while (conn->calls.first != NULL && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);

        if (result == NULL) {
            if (was_null) { /* libpq has nothing in flight any more, we have */
                conn->is_broken = true;
                return;
            }
            was_null = true;
            continue;
        }
        was_null = false;
        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
            keep_answer(conn, result);
            continue;
        }
        PQclear(result);
        end_first_call(conn);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *conn = arg;
    bool is_open = PQconsumeInput(conn->pg) == 1;

    (void)fd;
    (void)what;
    if (conn->state == PG_CONN_PREPARING)
        read_prepared(conn);
    if (conn->state == PG_CONN_READY)
        read_answers(conn);
    if (!is_open || PQstatus(conn->pg) == CONNECTION_BAD)
        conn->is_broken = true;
    if (conn->is_broken) {
        event_del(conn->readable); /* it would fire again before the turn's end */
        pg_pool_plan_turn(conn->set->pool);
    }
}

/* -------------------------------------------------------------------------- the end */

void pg_conn_close(struct pg_conn *conn)
{
    free_events(conn);
    PQclear(conn->answer);
    conn->answer = NULL;
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->is_broken = conn->is_corked = false;
    conn->why = NULL;
    conn->n_sent = 0;
    if (conn->state != PG_CONN_CLOSED)
        set_state(conn, PG_CONN_CLOSED);
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
    copy_line(message, sizeof(message), why);
    set->n_failures += !was_ready;
    set->retry_us = clock_monotonic_us() + backoff_us(set);
    log_warn(pool->config.log, was_ready ? "pg_connection_lost" : "pg_connect_failed",
             KV("err", (const char *)message), KV("calls", lost.n_calls),
             KV("attempt", set->n_failures));
    metrics_add(pool->lost_counter, 1);
    conn->calls = (struct pg_calls){0};
    pg_conn_close(conn);
    err_set(&err, ERR_UNAVAILABLE, "database connection lost: %s", message);
    while ((call = pg_calls_take(&lost)) != NULL)
        pg_pool_end_call(pool, call, NULL, &err);
}

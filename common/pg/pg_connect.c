/* How a connection comes to be. It is opened without blocking, put into pipeline mode, and gets the
 * session's settings and every statement's Parse in one go, with one Sync behind. */
#include "common/pg/pg_pool.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/loop.h"

enum { CONNECT_LIMIT_MS = 10000, N_SETTINGS = 1 };

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
    " set_config('standard_conforming_strings', 'on', false),"
    " set_config('jit', 'off', false)," /* compiling takes longer than any of our statements */
    " set_config('plan_cache_mode', $2, false)";

static void on_connecting(evutil_socket_t fd, short what, void *arg);

/* libpq may have closed its socket and opened another between two polls: a new event each time. */
static void watch_connecting(struct pg_conn *conn, short what)
{
    pg_conn_unwatch(conn);
    conn->readable = event_new(loop_base(conn->set->pool->config.loop), PQsocket(conn->pg), what,
                               on_connecting, conn);
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
        pg_conn_set_state(conn, PG_CONN_CONNECTING); /* a failed attempt, seen at the turn's end */
        return;
    }
    conn->give_up_us = clock_monotonic_us() + CONNECT_LIMIT_MS * 1000;
    pg_conn_set_state(conn, PG_CONN_CONNECTING);
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
    const char *const values[] = {limit, pool->config.plans_once ? "force_generic_plan" : "auto"};
    bool is_sent;

    PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
    snprintf(limit, sizeof(limit), "%d", pool->config.limit_ms);
    is_sent = PQsetnonblocking(conn->pg, 1) == 0 && PQenterPipelineMode(conn->pg) == 1 &&
              PQsendQueryParams(conn->pg, SETTINGS_SQL, 2, NULL, values, NULL, NULL, 0) == 1;
    for (int i = 0; is_sent && i < pool->n_statements; i++)
        is_sent = PQsendPrepare(conn->pg, pool->config.statements[i]->name,
                                pool->config.statements[i]->sql, 0, NULL) == 1;
    conn->is_broken = !is_sent || PQpipelineSync(conn->pg) != 1;
    conn->n_prepared = 0;
    pg_conn_watch(conn);
    pg_conn_set_state(conn, PG_CONN_PREPARING);
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

    pg_copy_line(message, sizeof(message), PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    log_error(pool->config.log, "pg_statement_not_prepared",
              KV("statement", i < 0 ? "settings" : pool->config.statements[i]->name),
              KV("sqlstate", (const char *)PQresultErrorField(result, PG_DIAG_SQLSTATE)),
              KV("err", (const char *)message));
}

void pg_conn_read_prepared(struct pg_conn *conn)
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
            pg_conn_set_state(conn, PG_CONN_READY);
            break;
        default:
            log_unprepared(conn, result);
            conn->is_broken = true;
        }
        PQclear(result);
    }
}

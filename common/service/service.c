/* common/service/service.c — the life of a service: open, serve, drain, close. */
#include "common/service/service.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/dapr/relay.h"
#include "common/pg/inbox.h"
#include "common/pg/outbox.h"
#include "common/service/footprint.h"
#include "common/service/service_parts.h"
#include "version.h"

enum {
    CHECK_MS = 1000,           /* between two looks at what it needs, when ready */
    CHECK_UNREADY_MS = 200,    /* and when not */
    CHECK_LIMIT_MS = 2000,     /* of the sidecar's answer */
    RELAY_LIMIT_MS = 15000,    /* of a bulk publish */
    INBOX_RETENTION_DAYS = 30, /* no broker here keeps an event as long */
};

const char *const service_log_levels[] = {"debug", "info", "warn", "error", NULL};

/* ---- what it needs, and whether it is there */

static void service_set_state(struct service *service, enum service_state state,
                              const struct err *err)
{
    static const struct {
        const char *event;
        enum log_level level;
    } lines[] = {
        [SERVICE_OPENING] = {"service_opened", LOG_INFO},
        [SERVICE_READY] = {"service_became_ready", LOG_INFO},
        [SERVICE_UNREADY] = {"service_became_unready", LOG_WARN},
        [SERVICE_DRAINING] = {"service_drain_began", LOG_INFO},
    };
    struct service_parts *parts = service->parts;

    if (parts->state == state)
        return;
    if (state == SERVICE_READY)
        footprint_release();
    parts->state = state;
    metrics_set(parts->is_ready, state == SERVICE_READY ? 1 : 0);
    log_at(&service->log, lines[state].level, lines[state].event,
           KV("err", err != NULL ? (const char *)err->text : (const char *)NULL));
}

static void add_lack(struct buf *lacks, const char *kind, const char *name)
{
    buf_format(lacks, "%s%s%s", lacks->n_bytes > 0 ? ", " : "", kind, name);
}

bool service_check_ready(const struct service *service, struct err *err)
{
    const struct service_parts *parts = service->parts;
    struct err own = {0};
    struct buf lacks;
    bool is_ready;

    buf_init(&lacks);
    if (parts->state == SERVICE_DRAINING)
        add_lack(&lacks, "the end: it is draining", "");
    if (!parts->is_sidecar_up)
        add_lack(&lacks, "sidecar", "");
    for (size_t i = 0; i < parts->n_watches; i++)
        if (!secret_watch_is_loaded(parts->watches[i]))
            add_lack(&lacks, "secret ", secret_watch_name(parts->watches[i]));
    if (service->pool != NULL && !pg_pool_is_ready(service->pool))
        add_lack(&lacks, "database", "");
    if (service->spec->is_ready != NULL && !service->spec->is_ready((void *)service, &own))
        add_lack(&lacks, own.text, "");
    is_ready = lacks.n_bytes == 0;
    if (!is_ready)
        err_set_slug(err, ERR_UNAVAILABLE, "not_ready", "waiting for %s", buf_text(&lacks));
    buf_clear(&lacks);
    return is_ready;
}

static void on_checked(void *arg, const struct err *err)
{
    struct service *service = arg;
    struct service_parts *parts = service->parts;
    struct err lack = {0};
    bool is_ready;

    parts->is_sidecar_up = err == NULL;
    if (parts->state == SERVICE_DRAINING)
        return;
    is_ready = service_check_ready(service, &lack);
    if (is_ready)
        service_set_state(service, SERVICE_READY, NULL);
    else if (parts->state == SERVICE_READY)
        service_set_state(service, SERVICE_UNREADY, &lack);
    loop_timer_start(parts->check_timer, is_ready ? CHECK_MS : CHECK_UNREADY_MS);
}

static void check_sidecar(void *arg)
{
    struct service *service = arg;

    dapr_check_outbound(service->dapr, CHECK_LIMIT_MS, on_checked, service);
}

/* ---- open */

static bool take_database_secret(void *arg, const struct secret *secret, struct err *err)
{
    struct service *service = arg;
    const char *url = secret_value(secret, "url");

    if (url == NULL || url[0] == '\0')
        return err_set(err, ERR_INVALID, "%s-database: url is missing", service->spec->name);
    pg_pool_set_url(service->pool, url);
    relay_set_url(service->relay, url);
    return true;
}

static void join_statements(struct service *service)
{
    static const struct pg_statement *const own[] = {&OUTBOX_INSERT, &INBOX_PURGE};
    enum { N_OWN = sizeof own / sizeof own[0] };
    const struct pg_statement *const *theirs = service->spec->statements;
    size_t n = 0;

    while (theirs[n] != NULL)
        n++;
    service->parts->statements = mem_new_array(n + N_OWN + 1, sizeof theirs[0]);
    memcpy(service->parts->statements, theirs, n * sizeof theirs[0]);
    memcpy(service->parts->statements + n, own, sizeof own);
}

static void open_database(struct service *service)
{
    const struct service_config *config = service->config;

    join_statements(service);
    service->pool = pg_pool_new(&(struct pg_config){.connections = config->db_connections,
                                                    .limit_ms = config->db_limit_ms,
                                                    .statements = service->parts->statements,
                                                    .plans_once = service->spec->plans_once,
                                                    .loop = service->loop,
                                                    .metrics = service->metrics,
                                                    .log = &service->log});
    service->relay = relay_new(&(struct relay_config){.dapr = service->dapr,
                                                      .pubsub = config->pubsub,
                                                      .loop = service->loop,
                                                      .metrics = service->metrics,
                                                      .log = &service->log,
                                                      .poll_ms = config->relay_poll_ms,
                                                      .bulk_max = config->relay_bulk_max,
                                                      .limit_ms = RELAY_LIMIT_MS});
    if (!service->spec->keeps_inbox)
        service->parts->inbox_purge =
            inbox_purge_start(service->loop, service->pool, INBOX_RETENTION_DAYS);
}

static void open_deliver(struct service *service)
{
    const struct service_spec *spec = service->spec;

    service->deliver = deliver_new(&(struct deliver_config){.handlers = spec->handlers,
                                                            .n_handlers = spec->n_handlers,
                                                            .context = service,
                                                            .pool = service->pool,
                                                            .relay = service->relay,
                                                            .dapr = service->dapr,
                                                            .pubsub = service->config->pubsub,
                                                            .metrics = service->metrics,
                                                            .log = &service->log});
}

static void add_watch(struct service *service, const char *name, secret_changed_fn *changed)
{
    struct service_parts *parts = service->parts;
    const struct secret_source source = {.store = service->config->secret_store,
                                         .name = name,
                                         .interval_ms = service->config->secret_interval_ms};

    parts->watches[parts->n_watches++] =
        secret_watch_new(service->dapr, service->loop, &service->log, &source, changed, service);
}

static void open_watches(struct service *service)
{
    const struct service_spec *spec = service->spec;
    struct service_parts *parts = service->parts;

    parts->watches = mem_new_array(spec->n_secrets + 1, sizeof parts->watches[0]);
    if (service->pool != NULL) {
        struct buf name;

        buf_init(&name);
        buf_format(&name, "%s-database", spec->name);
        parts->database_secret = mem_copy_text(buf_text(&name));
        buf_clear(&name);
        add_watch(service, parts->database_secret, take_database_secret);
    }
    for (size_t i = 0; i < spec->n_secrets; i++)
        add_watch(service, spec->secrets[i].name, spec->secrets[i].changed);
    parts->check_timer = loop_timer_new(service->loop, check_sidecar, service);
    check_sidecar(service);
}

static bool service_open(struct service *service, struct err *err)
{
    const struct service_spec *spec = service->spec;

    if (sodium_init() < 0)
        return err_set(err, ERR_INTERNAL, "libsodium does not start");
    service->loop = loop_new();
    service->metrics = metrics_new();
    service->parts->is_ready = metrics_gauge(service->metrics, "service_is_ready",
                                             "1 while all that the service needs is there.", NULL);
    metrics_set(metrics_gauge(service->metrics, "service_info", "The version that runs.",
                              "version=\"" VERSION "\""),
                1);
    service->dapr = dapr_new(&(struct dapr_config){.port = service->config->dapr_http_port,
                                                   .api_token = service->config->dapr_api_token,
                                                   .app_id = spec->name,
                                                   .loop = service->loop,
                                                   .metrics = service->metrics});
    if (spec->statements != NULL)
        open_database(service);
    open_deliver(service);
    if (!service_open_servers(service, err))
        return false;
    if (spec->open != NULL && !spec->open(service, err))
        return false;
    open_watches(service);
    log_info(&service->log, "service_opened", KV("version", VERSION),
             KV("http_port", http_server_port(service->public_server)),
             KV("app_port", http_server_port(service->app_server)));
    return true;
}

/* ---- drain and close */

static void on_drain_limit(void *arg)
{
    struct service *service = arg;

    log_error(&service->log, "service_drain_cut_off", KV("limit_ms", service->config->drain_ms));
    loop_stop(service->loop);
}

static void on_relay_drained(void *arg)
{
    struct service *service = arg;

    service->parts->is_drained = true;
    loop_stop(service->loop);
}

static void on_server_drained(void *arg)
{
    struct service *service = arg;

    if (--service->parts->n_draining > 0)
        return;
    if (service->relay != NULL)
        relay_drain(service->relay, on_relay_drained, service);
    else
        on_relay_drained(service);
}

void service_hold_drain(struct service *service)
{
    service->parts->n_draining++;
}

void service_release_drain(struct service *service)
{
    on_server_drained(service);
}

static void service_drain(void *arg)
{
    struct service *service = arg;
    struct service_parts *parts = service->parts;

    service_set_state(service, SERVICE_DRAINING, NULL);
    parts->drain_timer = loop_timer_new(service->loop, on_drain_limit, service);
    loop_timer_start(parts->drain_timer, service->config->drain_ms);
    parts->n_draining = 2;
    if (service->spec->drain != NULL)
        service->spec->drain(service);
    http_server_drain(service->public_server, on_server_drained, service);
    http_server_drain(service->app_server, on_server_drained, service);
}

static void close_parts(struct service *service)
{
    struct service_parts *parts = service->parts;

    for (size_t i = 0; i < parts->n_watches; i++)
        secret_watch_free(parts->watches[i]);
    mem_free(parts->watches);
    mem_free(parts->database_secret);
    inbox_purge_free(parts->inbox_purge);
    relay_free(service->relay);
    dapr_free(service->dapr); /* its last callbacks still find the pool and the servers */
    pg_pool_free(service->pool);
    service_close_servers(service);
    deliver_free(service->deliver);
    loop_timer_free(parts->check_timer);
    loop_timer_free(parts->drain_timer);
    mem_free(parts->statements);
    mem_free(parts);
    metrics_free(service->metrics);
    loop_free(service->loop);
}

int service_serve(const struct service_spec *spec, void *app, void *config)
{
    struct service *service = app;
    struct err err = {0};
    bool ok;

    footprint_limit_heap();
    if (!config_read(spec->keys, spec->n_keys, config, stderr))
        return 2;
    service->spec = spec;
    service->config = config;
    service->parts = MEM_NEW(struct service_parts);
    log_init(&service->log, spec->name, (enum log_level)service->config->log_level);
    ok = service_open(service, &err);
    if (ok) {
        loop_run(service->loop, service_drain, service);
        if (!service->parts->is_drained)
            _exit(EXIT_FAILURE); /* flows still run: nothing may be pulled from under them */
        log_info(&service->log, "service_drained", KV("version", VERSION));
    } else {
        log_error(&service->log, "service_not_opened", KV("err", (const char *)err.text));
    }
    if (spec->close != NULL)
        spec->close(service);
    close_parts(service);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

void service_wake_relay(struct service *service)
{
    if (service->relay != NULL)
        relay_wake(service->relay);
}

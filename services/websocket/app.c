/* services/websocket/app.c — what websocket is made of, beside what every service has. */
#include "services/websocket/app.h"

#include "common/base/clock.h"
#include "common/jwt/jwt_keys.h"
#include "services/websocket/config.h"
#include "services/websocket/probe.h"
#include "services/websocket/routes.h"
#include "services/websocket/sockets/hub.h"

static bool take_ticket_keys(void *arg, const struct secret *secret, struct err *err)
{
    struct app *app = arg;

    return jwt_keys_set(app->ticket_keys, secret, err);
}

static const struct service_secret secrets[] = {
    {"ticket-keys", take_ticket_keys},
};

/* What was published while the path was lost may never come, and no ping would tell: its seq passed
 * nowhere here. Whoever opens a new socket asks `sync`. */
static void on_live_path_opened(void *arg)
{
    struct app *app = arg;

    hub_close_all(app->hub, SOCKET_CODE_TRY_LATER, "updates may be missing: come again, ask sync");
}

static bool open_app(void *arg, struct err *err)
{
    struct app *app = arg;
    const struct config *config = app->config;

    (void)err;
    app->started_at = clock_now_ms();
    app->ticket_keys = jwt_keys_new();
    app->hub = hub_new(&(struct hub_config){
        .loop = app->service.loop,
        .metrics = app->service.metrics,
        .limits = {.ping_ms = config->ping_ms,
                   .close_limit_ms = config->close_limit_ms,
                   .life_ms = config->life_s * 1000,
                   .queue_frames = (size_t)config->queue_frames,
                   .queue_bytes = (size_t)config->queue_bytes},
        .sockets_per_user = (size_t)config->sockets_per_user,
    });
    app->probe = probe_new(&(struct probe_config){
        .dapr = app->service.dapr,
        .loop = app->service.loop,
        .log = &app->service.log,
        .metrics = app->service.metrics,
        .pubsub = config->pubsub_live,
        .replica_name = config->replica_name,
        .interval_ms = config->probe_interval_ms,
        .retry_ms = config->probe_retry_ms,
        .opened = on_live_path_opened,
        .arg = app,
    });
    return true;
}

static bool is_ready(void *arg, struct err *err)
{
    struct app *app = arg;

    return probe_is_back(app->probe, err);
}

/* A new sidecar may have subscribed from the newest update on. */
static void doubt_live_path(void *arg)
{
    struct app *app = arg;

    if (app->probe)
        probe_doubt(app->probe);
}

/* Half of the time for saying goodbye, so that the other half is left for the answers. */
static void drain_app(void *arg)
{
    struct app *app = arg;

    app->is_draining = true;
    hub_drain(app->hub, app->config->service.drain_ms / 2);
}

static void close_app(void *arg)
{
    struct app *app = arg;

    probe_free(app->probe);
    hub_free(app->hub);
    jwt_keys_free(app->ticket_keys);
}

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "websocket",
        .summary = "brings every change to the user's open browsers",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .routes = routes,
        .n_routes = routes_n,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
        .secrets = secrets,
        .n_secrets = sizeof secrets / sizeof secrets[0],
        .open = open_app,
        .is_ready = is_ready,
        .sidecar_asks = doubt_live_path,
        .drain = drain_app,
        .close = close_app,
    };
}

/* common/service/service_http.c — the routes that every service has, on both ports. */
#include <sodium.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "common/service/service_parts.h"
#include "version.h"

static void reply_text(struct http_request *req, int status, const char *type, const char *text)
{
    http_reply(req, status, type, text, strlen(text));
}

static void reply_health(void *context, struct http_request *req)
{
    (void)context;
    reply_text(req, 200, "application/json", "{\"status\":\"ok\"}");
}

static void reply_ready(void *context, struct http_request *req)
{
    struct err err = {0};

    if (service_check_ready(context, &err))
        reply_text(req, 200, "application/json", "{\"status\":\"ready\"}");
    else
        http_reply_err(req, &err, NULL);
}

static void reply_metrics(void *context, struct http_request *req)
{
    struct service *service = context;
    struct buf text;

    buf_init(&text);
    metrics_refresh_process(service->metrics);
    metrics_write(service->metrics, &text);
    http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", text.bytes, text.n_bytes);
    buf_clear(&text);
}

static void reply_version(void *context, struct http_request *req)
{
    struct service *service = context;
    struct json_out json;
    struct buf text;

    buf_init(&text);
    json_out_init(&json, &text);
    json_open_object(&json, NULL);
    json_text(&json, "service", service->spec->name);
    json_text(&json, "version", VERSION);
    json_close_object(&json);
    http_reply_json(req, 200, &text);
    buf_clear(&text);
}

/** Whether events can be handled now, for whoever probes the app port; it needs no token. */
static void reply_app_health(void *context, struct http_request *req)
{
    struct service *service = context;
    bool can_work = service->pool == NULL || pg_pool_is_ready(service->pool);

    http_reply_empty(req, can_work && service->parts->state != SERVICE_DRAINING ? 204 : 503);
}

/* the subscriptions are declared in dapr/subscriptions */
static void reply_subscribe(void *context, struct http_request *req)
{
    struct service *service = context;

    if (service->spec->sidecar_asks)
        service->spec->sidecar_asks(service);
    reply_text(req, 200, "application/json", "[]");
}

static void reply_config(void *context, struct http_request *req)
{
    (void)context;
    reply_text(req, 200, "application/json", "{}");
}

static void take_event(void *context, struct http_request *req)
{
    struct service *service = context;

    deliver_handle(service->deliver, req);
}

static const struct route public_routes[] = {
    {HTTP_GET, "/health", reply_health},
    {HTTP_GET, "/ready", reply_ready},
    {HTTP_GET, "/metrics", reply_metrics},
    {HTTP_GET, "/version", reply_version},
};

#define APP_HEALTH_PATH "/healthz"

/* what a sidecar takes and delivers at most: an event refused for its size would come for ever */
enum { APP_BODY_MAX_BYTES = 4 * 1024 * 1024 };

static const struct route app_routes[] = {
    {HTTP_GET, APP_HEALTH_PATH, reply_app_health},
    {HTTP_GET, "/dapr/subscribe", reply_subscribe},
    {HTTP_GET, "/dapr/config", reply_config},
    {HTTP_POST, "/events/{topic}", take_event},
};
enum {
    N_PUBLIC_ROUTES = sizeof public_routes / sizeof public_routes[0],
    N_APP_ROUTES = sizeof app_routes / sizeof app_routes[0],
};

static bool is_same_token(const char *a, const char *b)
{
    size_t n = strlen(b);

    return strlen(a) == n && sodium_memcmp(a, b, n) == 0;
}

/** Let in what carries the app API token; the app health probe carries none. */
static bool guard_app_port(void *context, struct http_request *req)
{
    const struct service *service = context;
    const char *token = http_header(req, "dapr-api-token");
    struct err err = {0};

    if (strcmp(http_path(req), APP_HEALTH_PATH) == 0)
        return true;
    if (token != NULL && is_same_token(token, service->config->app_api_token))
        return true;
    if (token == NULL)
        err_set(&err, ERR_UNAUTHENTICATED, "the header dapr-api-token is missing");
    else
        err_set(&err, ERR_FORBIDDEN, "the header dapr-api-token is wrong");
    http_reply_err(req, &err, NULL);
    return false;
}

static struct route *join_routes(const struct route *first, size_t n_first,
                                 const struct route *second, size_t n_second)
{
    struct route *all = mem_new_array(n_first + n_second, sizeof *all);

    memcpy(all, first, n_first * sizeof *all);
    if (n_second > 0)
        memcpy(all + n_first, second, n_second * sizeof *all);
    return all;
}

bool service_open_servers(struct service *service, struct err *err)
{
    const struct service_spec *spec = service->spec;
    const struct service_config *config = service->config;
    struct service_parts *parts = service->parts;
    struct http_server_config server = {.limits = config->http,
                                        .context = service,
                                        .loop = service->loop,
                                        .metrics = service->metrics,
                                        .log = &service->log};

    if (!http_proxies_read(config->http_proxies, "HTTP_PROXIES", &server.proxies, err))
        return false;
    parts->public_routes =
        join_routes(public_routes, N_PUBLIC_ROUTES, spec->routes, spec->n_routes);
    server.name = "public";
    server.address = config->http_address;
    server.port = config->http_port;
    server.routes = parts->public_routes;
    server.n_routes = N_PUBLIC_ROUTES + spec->n_routes;
    server.guard = spec->guard;
    service->public_server = http_server_new(&server, err);
    if (service->public_server == NULL)
        return false;

    parts->app_routes = join_routes(app_routes, N_APP_ROUTES, spec->app_routes, spec->n_app_routes);
    server.name = "dapr";
    if (server.limits.body_max_bytes < APP_BODY_MAX_BYTES)
        server.limits.body_max_bytes = APP_BODY_MAX_BYTES;
    server.address = "127.0.0.1";
    server.port = config->app_port;
    server.routes = parts->app_routes;
    server.n_routes = N_APP_ROUTES + spec->n_app_routes;
    server.guard = guard_app_port;
    service->app_server = http_server_new(&server, err);
    return service->app_server != NULL;
}

void service_close_servers(struct service *service)
{
    http_server_free(service->public_server);
    http_server_free(service->app_server);
    mem_free(service->parts->public_routes);
    mem_free(service->parts->app_routes);
}

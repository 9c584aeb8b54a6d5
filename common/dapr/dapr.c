/* common/dapr/dapr.c — calls to the sidecar: address, token, metrics, and what its statuses mean. */
#include "common/dapr/dapr.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/json/json_field.h"

enum { CONNECTIONS_MAX = 32, MESSAGE_MAX = 160 };
enum { ANSWER_MAX_BYTES = 4 * 1024 * 1024 /* what a sidecar carries by default */ };

/* the building blocks of the sidecar's API that we call, by the segment after /v1.0/ */
static const char *const apis[] = {"publish", "state", "secrets", "invoke", "bindings", "healthz"};
enum { N_APIS = sizeof apis / sizeof apis[0] };

struct api_metrics {
    struct metrics_series *worked, *failed, *seconds;
};

struct dapr {
    struct http_client *client;
    char *origin; /* "http://127.0.0.1:3581" */
    char *token_header;
    const char *app_id;
    struct api_metrics metrics[N_APIS];
};

/** One call on its way. */
struct dapr_call {
    struct dapr *dapr;
    size_t api;
    int64_t began_us;
    http_answered_fn *done;
    void *arg;
};

/** A call whose caller wants no answer, only whether it worked. */
struct plain_call {
    dapr_done_fn *done;
    void *arg;
};

static void add_metrics(struct dapr *dapr, struct metrics *metrics)
{
    for (size_t i = 0; i < N_APIS; i++) {
        struct buf labels;

        buf_init(&labels);
        buf_format(&labels, "api=\"%s\"", apis[i]);
        dapr->metrics[i].seconds = metrics_histogram(
            metrics, "dapr_call_seconds", "Duration of calls to the sidecar.", buf_text(&labels));
        buf_add_text(&labels, ",outcome=\"worked\"");
        dapr->metrics[i].worked = metrics_counter(metrics, "dapr_calls_total",
                                                  "Calls to the sidecar.", buf_text(&labels));
        buf_reset(&labels);
        buf_format(&labels, "api=\"%s\",outcome=\"failed\"", apis[i]);
        dapr->metrics[i].failed = metrics_counter(metrics, "dapr_calls_total",
                                                  "Calls to the sidecar.", buf_text(&labels));
        buf_clear(&labels);
    }
}

struct dapr *dapr_new(const struct dapr_config *config)
{
    struct dapr *dapr = MEM_NEW(struct dapr);
    struct buf text;

    buf_init(&text);
    buf_format(&text, "http://127.0.0.1:%d", config->port);
    dapr->origin = mem_copy_text(buf_text(&text));
    buf_reset(&text);
    buf_format(&text, "dapr-api-token: %s", config->api_token);
    dapr->token_header = mem_copy_text(buf_text(&text));
    buf_clear(&text);
    dapr->app_id = config->app_id;
    dapr->client = http_client_new(config->loop, CONNECTIONS_MAX);
    if (config->metrics != NULL)
        add_metrics(dapr, config->metrics);
    return dapr;
}

void dapr_free(struct dapr *dapr)
{
    if (dapr == NULL)
        return;
    http_client_free(dapr->client); /* ends the running calls, which still need the rest */
    mem_free(dapr->origin);
    mem_free(dapr->token_header);
    mem_free(dapr);
}

const char *dapr_app_id(const struct dapr *dapr)
{
    return dapr->app_id;
}

static size_t find_api(const char *path)
{
    const char *name = strchr(path + 1, '/');
    size_t i = 0;

    if (name == NULL)
        return 0;
    name++;
    while (i < N_APIS - 1 && strncmp(name, apis[i], strlen(apis[i])) != 0)
        i++;
    return i;
}

static enum err_code code_of_status(int status)
{
    if (status >= 500 || status == 429)
        return ERR_UNAVAILABLE;
    if (status == 401 || status == 403)
        return ERR_FORBIDDEN;
    if (status == 404)
        return ERR_NOT_FOUND;
    if (status == 409)
        return ERR_CONFLICT;
    return ERR_INTERNAL;
}

/** The sidecar's own words, for the log: errorCode and message, as far as it gives any. */
struct sidecar_error {
    const char *code, *message;
};

static void set_status_err(struct err *err, const char *api, const struct http_answer *answer)
{
    static const struct json_field fields[] = {
        JSON_TEXT(struct sidecar_error, code, "errorCode", 0, 0, 1000),
        JSON_TEXT(struct sidecar_error, message, "message", 0, 0, 10000),
    };
    static const struct json_reading reading = {
        .fields = fields, .n_fields = 2, .unknown = JSON_IGNORE_UNKNOWN};
    struct sidecar_error said = {0};
    struct arena arena;

    arena_init(&arena);
    if (!json_read(answer->body, answer->n_bytes, &reading, &arena, &said, NULL))
        said = (struct sidecar_error){0};
    err_set(err, code_of_status(answer->status), "sidecar, %s: %d %s %.*s", api, answer->status,
            said.code != NULL ? said.code : "", MESSAGE_MAX,
            said.message != NULL ? said.message : "");
    arena_clear(&arena);
}

static void count_call(const struct dapr_call *call, bool worked)
{
    const struct api_metrics *m = &call->dapr->metrics[call->api];

    if (m->seconds == NULL)
        return;
    metrics_add(worked ? m->worked : m->failed, 1);
    metrics_observe(m->seconds, (double)(clock_monotonic_us() - call->began_us) / 1e6);
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct dapr_call *call = arg;
    struct err status_err = {0};

    if (err == NULL && answer->status >= 400) {
        set_status_err(&status_err, apis[call->api], answer);
        err = &status_err;
    }
    count_call(call, err == NULL);
    call->done(call->arg, answer, err);
    mem_free(call);
}

static void add_header(struct http_call *http, int *n_headers, struct buf *buf, const char *name,
                       const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    buf_format(buf, "%s: %s", name, value);
    http->headers[(*n_headers)++] = buf_text(buf);
}

void dapr_send(struct dapr *dapr, const struct dapr_request *request, http_answered_fn *done,
               void *arg)
{
    struct dapr_call *call = MEM_NEW(struct dapr_call);
    struct http_call http = {.method = request->method,
                             .body = request->body,
                             .n_body_bytes = request->n_bytes,
                             .limit_ms = request->limit_ms,
                             .reply_max_bytes = ANSWER_MAX_BYTES,
                             .headers = {dapr->token_header}};
    struct buf url, type, trace;
    int n_headers = 1;

    *call = (struct dapr_call){.dapr = dapr,
                               .api = find_api(request->path),
                               .began_us = clock_monotonic_us(),
                               .done = done,
                               .arg = arg};
    buf_init(&url);
    buf_init(&type);
    buf_init(&trace);
    buf_add_text(&url, dapr->origin);
    buf_add_text(&url, request->path);
    http.url = buf_text(&url);
    add_header(&http, &n_headers, &type, "content-type", request->content_type);
    add_header(&http, &n_headers, &trace, "traceparent", request->traceparent);
    http_client_send(dapr->client, &http, on_answered, call);
    buf_clear(&url);
    buf_clear(&type);
    buf_clear(&trace);
}

static void on_plain_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct plain_call *plain = arg;

    (void)answer;
    plain->done(plain->arg, err);
    mem_free(plain);
}

void dapr_send_plain(struct dapr *dapr, const struct dapr_request *request, dapr_done_fn *done,
                     void *arg)
{
    struct plain_call *plain = MEM_NEW(struct plain_call);

    *plain = (struct plain_call){done, arg};
    dapr_send(dapr, request, on_plain_answered, plain);
}

void dapr_check_outbound(struct dapr *dapr, int limit_ms, dapr_done_fn *done, void *arg)
{
    const struct dapr_request request = {
        .method = HTTP_GET, .path = "/v1.0/healthz/outbound", .limit_ms = limit_ms};

    dapr_send_plain(dapr, &request, done, arg);
}

void dapr_add_escaped(struct buf *buf, const char *segment)
{
    for (const unsigned char *c = (const unsigned char *)segment; *c != '\0'; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            strchr("-._~", *c) != NULL)
            buf_add_char(buf, (char)*c);
        else
            buf_format(buf, "%%%02X", *c);
    }
}

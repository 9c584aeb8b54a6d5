/* common/dapr/invoke.c — other services and output bindings through the sidecar. */
#include "common/dapr/invoke.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/json/json_out.h"

struct invoke_call {
    http_answered_fn *done;
    void *arg;
};

static void on_invoked(void *arg, const struct http_answer *answer, const struct err *err)
{
    static const char problem[] = "application/problem+json";
    struct invoke_call *call = arg;

    /* the peer's own refusal, not the sidecar's */
    if (err != NULL && answer != NULL &&
        strncmp(answer->content_type, problem, sizeof problem - 1) == 0)
        err = NULL;
    call->done(call->arg, err == NULL ? answer : NULL, err);
    mem_free(call);
}

static void invoke(struct dapr *dapr, enum http_method method,
                   const struct dapr_invocation *invocation, http_answered_fn *done, void *arg)
{
    struct invoke_call *call = MEM_NEW(struct invoke_call);
    const bool is_post = method == HTTP_POST;
    struct buf url;

    *call = (struct invoke_call){done, arg};
    buf_init(&url);
    buf_format(&url, "/v1.0/invoke/%s/method%s", invocation->app_id, invocation->path);
    dapr_send(dapr,
              &(struct dapr_request){.method = method,
                                     .path = buf_text(&url),
                                     .content_type = is_post ? "application/json" : NULL,
                                     .body = is_post ? invocation->body_json : NULL,
                                     .n_bytes = is_post ? strlen(invocation->body_json) : 0,
                                     .traceparent = invocation->traceparent,
                                     .limit_ms = invocation->limit_ms},
              on_invoked, call);
    buf_clear(&url);
}

void dapr_invoke_get(struct dapr *dapr, const struct dapr_invocation *invocation,
                     http_answered_fn *done, void *arg)
{
    invoke(dapr, HTTP_GET, invocation, done, arg);
}

void dapr_invoke_post(struct dapr *dapr, const struct dapr_invocation *invocation,
                      http_answered_fn *done, void *arg)
{
    invoke(dapr, HTTP_POST, invocation, done, arg);
}

void dapr_invoke_binding(struct dapr *dapr, const struct dapr_binding_call *call,
                         http_answered_fn *done, void *arg)
{
    struct json_out out;
    struct buf path, body;

    buf_init(&path);
    buf_init(&body);
    buf_format(&path, "/v1.0/bindings/%s", call->binding);
    json_out_init(&out, &body);
    json_open_object(&out, NULL);
    json_text(&out, "operation", call->operation);
    json_raw(&out, "data", call->data_json);
    json_raw(&out, "metadata", call->metadata_json != NULL ? call->metadata_json : "{}");
    json_close_object(&out);
    dapr_send(dapr,
              &(struct dapr_request){.method = HTTP_POST,
                                     .path = buf_text(&path),
                                     .content_type = "application/json",
                                     .body = body.bytes,
                                     .n_bytes = body.n_bytes,
                                     .traceparent = call->traceparent,
                                     .limit_ms = call->limit_ms},
              done, arg);
    buf_clear(&path);
    buf_clear(&body);
}

bool dapr_check_caller(const struct http_request *req, const char *app_id, struct err *err)
{
    static const char header[] = "dapr-caller-app-id";
    const char *caller = http_header(req, header);

    if (caller != NULL && strcmp(caller, app_id) == 0)
        return true;
    return err_set(err, ERR_FORBIDDEN, "%s: only %s may ask", header, app_id);
}

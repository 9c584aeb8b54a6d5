/* GET /push-key — what PushManager.subscribe() takes as applicationServerKey (RFC 8292 §3.2). */
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/request.h"

static flow_finish_fn reply_and_free;
static const struct flow_plan push_key_plan = {
    .name = "push_key",
    .steps = {request_authenticate},
    .finish = reply_and_free,
};

void push_key_start(void *context, struct http_request *req)
{
    struct request *request = MEM_NEW(struct request);

    request_start(request, context, req, SCOPE_ACCOUNT_READ, &push_key_plan);
}

static void reply_and_free(struct flow *flow)
{
    struct request *request = (struct request *)flow;
    const char *key = request->app->push_key;
    struct json_out json;
    struct buf body;

    if (!err_is_set(&flow->err) && key == NULL)
        err_set(&flow->err, ERR_UNAVAILABLE, "the push key has not been read yet");
    buf_init(&body);
    if (!err_is_set(&flow->err)) {
        json_out_init(&json, &body);
        json_open_object(&json, NULL);
        json_text(&json, "public_key", key);
        json_close_object(&json);
        request_reply_json(request, 200, &body);
    }
    buf_clear(&body);
    request_end(request);
}

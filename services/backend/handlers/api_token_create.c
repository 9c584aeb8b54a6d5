/* POST /tokens — a personal API token, shown this once. */
#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/api_token_store.h"

struct api_token_create {
    struct request request;
    struct api_token_order order;
    struct api_token token;
    struct secret_token secret;
};
static flow_step_fn read_body, add_token;
static flow_finish_fn reply_and_free;
static store_done_fn on_token_added;
static const struct flow_plan api_token_create_plan = {
    .name = "api_token_create",
    .steps = {request_authenticate, read_body, add_token},
    .finish = reply_and_free,
};

void api_token_create_start(void *context, struct http_request *req)
{
    struct api_token_create *c = MEM_NEW(struct api_token_create);

    request_start(&c->request, context, req, SCOPE_SESSION, &api_token_create_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct api_token_create *c = (struct api_token_create *)flow;
    const struct json_reading reading = {.fields = api_token_order_fields,
                                         .n_fields = api_token_order_n_fields};
    const int64_t now_ms = clock_now_ms();
    unsigned scopes = 0;

    if (!request_read_json(&c->request, &reading, &c->order, NULL))
        return flow_fail(flow);
    bool ok = scope_read(&c->order.scopes, &scopes, &flow->err);

    ok = api_token_order_check(&c->order, now_ms, &flow->err) && ok;
    if (!ok)
        return flow_fail(flow);
    c->token = (struct api_token){
        .id = uuid_new(now_ms),
        .name = c->order.name,
        .scopes = scope_list(scopes, &flow->arena),
        .created_at = now_ms,
        .expires_at = c->order.expires_at,
    };
    return FLOW_NEXT;
}

static enum flow_next add_token(struct flow *flow)
{
    struct api_token_create *c = (struct api_token_create *)flow;
    const struct app *app = c->request.app;
    const struct store_call call = {app->service.pool, &flow->arena, on_token_added, c};

    randombytes_buf(c->secret.bytes, sizeof c->secret.bytes);
    const struct secret_digest digest = secret_token_digest(&c->secret);

    api_token_store_add(&call, &c->request.who.user_id, &c->token, &digest,
                        app->config->api_tokens_max);
    return FLOW_WAIT;
}

static void on_token_added(void *arg, const struct err *err)
{
    struct api_token_create *c = arg;

    flow_resume(&c->request.flow, err);
}

static void reply(struct api_token_create *c)
{
    char text[SECRET_TOKEN_API_TEXT_SIZE];
    struct json_out json;
    struct buf body;

    secret_token_write_api(&c->secret, text);
    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_text(&json, "token", text);
    json_write_fields(&json, api_token_fields, api_token_n_fields, &c->token);
    json_close_object(&json);
    http_add_header(c->request.req, "Cache-Control", "no-store");
    request_reply_json(&c->request, 201, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct api_token_create *c = (struct api_token_create *)flow;

    if (flow->err.code == ERR_NONE)
        reply(c);
    request_end(&c->request);
}

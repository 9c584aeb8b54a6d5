/* POST /ws/ticket — a signed ticket that opens one WebSocket within 30 s. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "common/jwt/jwt_keys.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/account_store.h"

enum { TICKET_LIFE_S = 30 };

struct ws_ticket {
    struct request request;
    int64_t seq;
};
static flow_step_fn load_seq;
static flow_finish_fn reply_and_free;
static store_done_fn on_seq_loaded;
static const struct flow_plan ws_ticket_plan = {
    .name = "ws_ticket",
    .steps = {request_authenticate, load_seq},
    .finish = reply_and_free,
};

void ws_ticket_start(void *context, struct http_request *req)
{
    struct ws_ticket *t = MEM_NEW(struct ws_ticket);

    request_start(&t->request, context, req, SCOPE_TASKS_READ, &ws_ticket_plan);
}

static enum flow_next load_seq(struct flow *flow)
{
    struct ws_ticket *t = (struct ws_ticket *)flow;
    const struct store_call call = {t->request.app->service.pool, &flow->arena, on_seq_loaded, t};

    account_store_seq(&call, &t->request.who.user_id, &t->seq);
    return FLOW_WAIT;
}

static void on_seq_loaded(void *arg, const struct err *err)
{
    struct ws_ticket *t = arg;

    flow_resume(&t->request.flow, err);
}

static void reply(struct ws_ticket *t)
{
    struct flow *flow = &t->request.flow;
    const int64_t now_ms = clock_now_ms();
    const struct uuid id = uuid_new(now_ms);
    const struct jwt_claims claims = {
        .audience = JWT_AUDIENCE_WS,
        .subject = t->request.who.user_id.text,
        .id = id.text,
        .seq = t->seq,
        .issued_at_s = now_ms / 1000,
        .expires_at_s = now_ms / 1000 + TICKET_LIFE_S,
    };
    const char *ticket = NULL;
    struct json_out json;
    struct buf body;

    if (!jwt_sign(t->request.app->ticket_keys, &claims, &flow->arena, &ticket, &flow->err))
        return;
    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_text(&json, "ticket", ticket);
    json_time(&json, "expires_at", claims.expires_at_s * 1000);
    json_close_object(&json);
    http_add_header(t->request.req, "Cache-Control", "no-store");
    request_reply_json(&t->request, 201, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct ws_ticket *t = (struct ws_ticket *)flow;

    if (flow->err.code == ERR_NONE)
        reply(t);
    request_end(&t->request);
}

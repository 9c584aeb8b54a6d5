/* GET /sessions — where the user is signed in. */
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/session_store.h"

struct session_listing {
    struct request request;
    struct session_list list;
};
static flow_step_fn load_sessions;
static flow_finish_fn reply_and_free;
static store_done_fn on_sessions_loaded;
static const struct flow_plan session_list_plan = {
    .name = "session_list",
    .steps = {request_authenticate, load_sessions},
    .finish = reply_and_free,
};

void session_list_start(void *context, struct http_request *req)
{
    struct session_listing *l = MEM_NEW(struct session_listing);

    request_start(&l->request, context, req, SCOPE_SESSION, &session_list_plan);
}

static enum flow_next load_sessions(struct flow *flow)
{
    struct session_listing *l = (struct session_listing *)flow;
    const struct store_call call = {l->request.app->service.pool, &flow->arena, on_sessions_loaded,
                                    l};

    session_store_list(&call, &l->request.who, &l->list);
    return FLOW_WAIT;
}

static void on_sessions_loaded(void *arg, const struct err *err)
{
    struct session_listing *l = arg;

    flow_resume(&l->request.flow, err);
}

static void reply(struct session_listing *l)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    account_write_sessions(&json, l->list.sessions, l->list.n_sessions);
    json_close_object(&json);
    request_reply_json(&l->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct session_listing *l = (struct session_listing *)flow;

    if (flow->err.code == ERR_NONE)
        reply(l);
    request_end(&l->request);
}

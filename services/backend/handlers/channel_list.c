/* GET /channels — push subscriptions and webhooks; of where they go, the host alone. */
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/domain/account_channels.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/account_whole.h"

struct channel_list {
    struct request request; /* first member */
    struct account account;
};
static flow_step_fn load_account;
static flow_finish_fn reply_and_free;
static store_done_fn on_account_loaded;
static const struct flow_plan channel_list_plan = {
    .name = "channel_list",
    .steps = {request_authenticate, load_account},
    .finish = reply_and_free,
};

void channel_list_start(void *context, struct http_request *req)
{
    struct channel_list *l = MEM_NEW(struct channel_list);

    request_start(&l->request, context, req, SCOPE_ACCOUNT_READ, &channel_list_plan);
}

static enum flow_next load_account(struct flow *flow)
{
    struct channel_list *l = (struct channel_list *)flow;
    const struct store_call call = {l->request.app->service.pool, &flow->arena, on_account_loaded,
                                    l};

    account_whole_get(&call, &l->request.who.user_id, &l->account);
    return FLOW_WAIT;
}

static void on_account_loaded(void *arg, const struct err *err)
{
    struct channel_list *l = arg;

    flow_resume(&l->request.flow, err);
}

static void reply(struct channel_list *l)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    account_write_channels(&json, &l->account);
    json_close_object(&json);
    request_reply_json(&l->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct channel_list *l = (struct channel_list *)flow;

    if (!err_is_set(&flow->err))
        reply(l);
    request_end(&l->request);
}

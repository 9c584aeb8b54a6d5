/* GET /tokens — the user's personal API tokens, without the tokens themselves. */
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/api_token_store.h"

struct api_token_listing {
    struct request request;
    struct api_token_list list;
};
static flow_step_fn load_tokens;
static flow_finish_fn reply_and_free;
static store_done_fn on_tokens_loaded;
static const struct flow_plan api_token_list_plan = {
    .name = "api_token_list",
    .steps = {request_authenticate, load_tokens},
    .finish = reply_and_free,
};

void api_token_list_start(void *context, struct http_request *req)
{
    struct api_token_listing *l = MEM_NEW(struct api_token_listing);

    request_start(&l->request, context, req, SCOPE_SESSION, &api_token_list_plan);
}

static enum flow_next load_tokens(struct flow *flow)
{
    struct api_token_listing *l = (struct api_token_listing *)flow;
    const struct store_call call = {l->request.app->service.pool, &flow->arena, on_tokens_loaded,
                                    l};

    api_token_store_list(&call, &l->request.who.user_id, &l->list);
    return FLOW_WAIT;
}

static void on_tokens_loaded(void *arg, const struct err *err)
{
    struct api_token_listing *l = arg;

    flow_resume(&l->request.flow, err);
}

static void reply(struct api_token_listing *l)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    account_write_api_tokens(&json, l->list.tokens, l->list.n_tokens);
    json_close_object(&json);
    request_reply_json(&l->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct api_token_listing *l = (struct api_token_listing *)flow;

    if (flow->err.code == ERR_NONE)
        reply(l);
    request_end(&l->request);
}

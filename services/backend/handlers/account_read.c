/* GET /account — the profile. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/account_reply.h"
#include "services/backend/store/account_store.h"

struct account_read {
    struct request request;
    struct account account;
};
static flow_step_fn load_account;
static flow_finish_fn reply_and_free;
static store_done_fn on_account_loaded;
static const struct flow_plan account_read_plan = {
    .name = "account_read",
    .steps = {request_authenticate, load_account},
    .finish = reply_and_free,
};

void account_read_start(void *context, struct http_request *req)
{
    struct account_read *r = MEM_NEW(struct account_read);

    request_start(&r->request, context, req, SCOPE_ACCOUNT_READ, &account_read_plan);
}

static enum flow_next load_account(struct flow *flow)
{
    struct account_read *r = (struct account_read *)flow;
    const struct store_call call = {r->request.app->service.pool, &flow->arena, on_account_loaded,
                                    r};

    account_store_get(&call, &r->request.who.user_id, &r->account);
    return FLOW_WAIT;
}

static void on_account_loaded(void *arg, const struct err *err)
{
    struct account_read *r = arg;

    flow_resume(&r->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct account_read *r = (struct account_read *)flow;

    if (flow->err.code == ERR_NONE)
        account_reply(&r->request, &r->account);
    request_end(&r->request);
}

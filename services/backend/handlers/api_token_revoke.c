/* DELETE /tokens/{id} — revoke one personal API token of the user. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/api_token_store.h"

struct api_token_revoke {
    struct request request;
    struct uuid id;
    bool is_found;
};
static flow_step_fn read_id, revoke_token;
static flow_finish_fn reply_and_free;
static store_done_fn on_token_revoked;
static const struct flow_plan api_token_revoke_plan = {
    .name = "api_token_revoke",
    .steps = {request_authenticate, read_id, revoke_token},
    .finish = reply_and_free,
};

void api_token_revoke_start(void *context, struct http_request *req)
{
    struct api_token_revoke *r = MEM_NEW(struct api_token_revoke);

    request_start(&r->request, context, req, SCOPE_SESSION, &api_token_revoke_plan);
}

static bool fail_as_missing(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "you have no token with this id");
}

static enum flow_next read_id(struct flow *flow)
{
    struct api_token_revoke *r = (struct api_token_revoke *)flow;

    if (!uuid_read(http_param(r->request.req, "id"), &r->id)) {
        fail_as_missing(&flow->err);
        return flow_fail(flow);
    }
    return FLOW_NEXT;
}

static enum flow_next revoke_token(struct flow *flow)
{
    struct api_token_revoke *r = (struct api_token_revoke *)flow;
    const struct store_call call = {r->request.app->service.pool, &flow->arena, on_token_revoked,
                                    r};

    api_token_store_revoke(&call, &r->request.who.user_id, &r->id, &r->is_found);
    return FLOW_WAIT;
}

static void on_token_revoked(void *arg, const struct err *err)
{
    struct api_token_revoke *r = arg;
    struct err missing;

    if (err == NULL && !r->is_found) {
        fail_as_missing(&missing);
        err = &missing;
    }
    flow_resume(&r->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct api_token_revoke *r = (struct api_token_revoke *)flow;

    if (flow->err.code == ERR_NONE)
        request_reply_empty(&r->request, 204);
    request_end(&r->request);
}

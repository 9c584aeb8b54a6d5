/* DELETE /sessions/{id} — end one session of the user. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/session_store.h"

struct session_revoke {
    struct request request;
    struct uuid id;
    bool is_found;
};
static flow_step_fn read_id, revoke_session;
static flow_finish_fn reply_and_free;
static store_done_fn on_session_revoked;
static const struct flow_plan session_revoke_plan = {
    .name = "session_revoke",
    .steps = {request_authenticate, read_id, revoke_session},
    .finish = reply_and_free,
};

void session_revoke_start(void *context, struct http_request *req)
{
    struct session_revoke *r = MEM_NEW(struct session_revoke);

    request_start(&r->request, context, req, SCOPE_SESSION, &session_revoke_plan);
}

static bool fail_as_missing(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "you have no session with this id");
}

static enum flow_next read_id(struct flow *flow)
{
    struct session_revoke *r = (struct session_revoke *)flow;

    if (!uuid_read(http_param(r->request.req, "id"), &r->id)) {
        fail_as_missing(&flow->err);
        return flow_fail(flow);
    }
    return FLOW_NEXT;
}

static enum flow_next revoke_session(struct flow *flow)
{
    struct session_revoke *r = (struct session_revoke *)flow;
    const struct store_call call = {r->request.app->service.pool, &flow->arena, on_session_revoked,
                                    r};

    session_store_revoke(&call, &r->request.who.user_id, &r->id, &r->is_found);
    return FLOW_WAIT;
}

static void on_session_revoked(void *arg, const struct err *err)
{
    struct session_revoke *r = arg;
    struct err missing;

    if (err == NULL && !r->is_found) {
        fail_as_missing(&missing);
        err = &missing;
    }
    if (err == NULL)
        token_cache_drop_session(r->request.app->tokens, &r->id);
    flow_resume(&r->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct session_revoke *r = (struct session_revoke *)flow;

    if (flow->err.code == ERR_NONE)
        request_reply_empty(&r->request, 204);
    request_end(&r->request);
}

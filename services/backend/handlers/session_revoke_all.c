/* DELETE /sessions — sign out everywhere, here too. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/signed_in.h"
#include "services/backend/store/session_store.h"

static flow_step_fn revoke_sessions;
static flow_finish_fn reply_and_free;
static store_done_fn on_sessions_revoked;
static const struct flow_plan session_revoke_all_plan = {
    .name = "session_revoke_all",
    .steps = {request_authenticate, revoke_sessions},
    .finish = reply_and_free,
};

void session_revoke_all_start(void *context, struct http_request *req)
{
    request_start(MEM_NEW(struct request), context, req, SCOPE_SESSION, &session_revoke_all_plan);
}

static enum flow_next revoke_sessions(struct flow *flow)
{
    struct request *request = (struct request *)flow;
    const struct store_call call = {request->app->service.pool, &flow->arena, on_sessions_revoked,
                                    request};
    const struct signed_out update = {flow->traceparent, clock_now_ms()};

    session_store_revoke_all(&call, &request->who.user_id, &update);
    return FLOW_WAIT;
}

static void on_sessions_revoked(void *arg, const struct err *err)
{
    struct request *request = arg;

    if (err == NULL) {
        token_cache_drop_user(request->app->tokens, &request->who.user_id, NULL);
        service_wake_relay(&request->app->service);
    }
    flow_resume(&request->flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct request *request = (struct request *)flow;

    if (flow->err.code == ERR_NONE) {
        signed_in_clear_cookie(request);
        request_reply_empty(request, 204);
    }
    request_end(request);
}

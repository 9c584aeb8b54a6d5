/* DELETE /session — sign out: the session of the refresh cookie, else that of the access token. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/session_cookie.h"
#include "services/backend/handlers/signed_in.h"

struct session_end {
    struct request request;
    struct secret_token token;
    struct refresh_state state;
    bool has_cookie, is_ended;
};
static flow_step_fn read_cookie, identify, end_session;
static flow_finish_fn reply_and_free;
static store_done_fn on_token_found, on_session_ended;
static const struct flow_plan session_end_plan = {
    .name = "session_end",
    .steps = {read_cookie, identify, end_session},
    .finish = reply_and_free,
};

void session_end_start(void *context, struct http_request *req)
{
    struct session_end *s = MEM_NEW(struct session_end);

    request_start(&s->request, context, req, SCOPE_SESSION, &session_end_plan);
}

static enum flow_next read_cookie(struct flow *flow)
{
    struct session_end *s = (struct session_end *)flow;

    return session_cookie_read(&s->request, &s->token, &s->has_cookie) ? FLOW_NEXT
                                                                       : flow_fail(flow);
}

static enum flow_next identify(struct flow *flow)
{
    struct session_end *s = (struct session_end *)flow;
    const struct store_call call = {s->request.app->service.pool, &flow->arena, on_token_found, s};
    const struct secret_digest digest = secret_token_digest(&s->token);

    if (!s->has_cookie)
        return request_authenticate(flow);
    refresh_store_find(&call, &digest, s->request.app->config->refresh_grace_s, &s->state);
    return FLOW_WAIT;
}

static void on_token_found(void *arg, const struct err *err)
{
    struct session_end *s = arg;

    s->request.who = (struct principal){
        .user_id = s->state.account.id,
        .session_id = s->state.session_id,
        .scopes = SCOPE_ALL,
    };
    flow_resume(&s->request.flow, err);
}

/* A session that has ended already is as well. */
static enum flow_next end_session(struct flow *flow)
{
    struct session_end *s = (struct session_end *)flow;
    const struct store_call call = {s->request.app->service.pool, &flow->arena, on_session_ended,
                                    s};

    if (s->request.who.session_id.text[0] == '\0')
        return FLOW_STOP;
    token_cache_drop_session(s->request.app->tokens, &s->request.who.session_id);
    session_store_revoke(&call, &s->request.who.user_id, &s->request.who.session_id, &s->is_ended);
    return FLOW_WAIT;
}

static void on_session_ended(void *arg, const struct err *err)
{
    struct session_end *s = arg;

    flow_resume(&s->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct session_end *s = (struct session_end *)flow;

    if (flow->err.code == ERR_NONE) {
        signed_in_clear_cookie(&s->request);
        request_reply_empty(&s->request, 204);
    }
    request_end(&s->request);
}

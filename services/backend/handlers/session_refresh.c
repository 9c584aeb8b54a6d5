/* POST /session/refresh — a new access token and a new refresh cookie, by the present cookie. */
#include <sodium.h>

#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/domain/cookie.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/session_cookie.h"
#include "services/backend/handlers/signed_in.h"

struct session_refresh {
    struct request request;
    struct secret_token token, next;
    struct refresh_state state;
    struct refresh_rotation rotation;
    bool is_rotated, is_ended;
};
static flow_step_fn read_cookie, find_token, end_reused, rotate_token;
static flow_finish_fn reply_and_free;
static store_done_fn on_token_found, on_session_ended, on_token_rotated;
static const struct flow_plan session_refresh_plan = {
    .name = "session_refresh",
    .steps = {read_cookie, find_token, end_reused, rotate_token},
    .finish = reply_and_free,
};

void session_refresh_start(void *context, struct http_request *req)
{
    struct session_refresh *s = MEM_NEW(struct session_refresh);

    request_start(&s->request, context, req, 0, &session_refresh_plan);
}

static enum flow_next fail(struct session_refresh *s, const char *slug, const char *text)
{
    signed_in_clear_cookie(&s->request);
    err_set_slug(&s->request.flow.err, ERR_UNAUTHENTICATED, slug, "%s", text);
    return flow_fail(&s->request.flow);
}

static enum flow_next read_cookie(struct flow *flow)
{
    struct session_refresh *s = (struct session_refresh *)flow;
    bool has_token = false;

    if (!session_cookie_read(&s->request, &s->token, &has_token))
        return flow_fail(flow);
    return has_token ? FLOW_NEXT : fail(s, "refresh_missing", "there is no refresh cookie");
}

static enum flow_next find_token(struct flow *flow)
{
    struct session_refresh *s = (struct session_refresh *)flow;
    const struct store_call call = {s->request.app->service.pool, &flow->arena, on_token_found, s};

    s->rotation.old = secret_token_digest(&s->token);
    s->rotation.grace_s = s->request.app->config->refresh_grace_s;
    s->rotation.days = s->request.app->config->session_days;
    refresh_store_find(&call, &s->rotation.old, s->rotation.grace_s, &s->state);
    return FLOW_WAIT;
}

static void on_token_found(void *arg, const struct err *err)
{
    struct session_refresh *s = arg;

    flow_resume(&s->request.flow, err);
}

/* A token that was replaced a while ago comes from someone who kept a copy: whoever of the two is
 * the thief, the session ends for both. */
static enum flow_next end_reused(struct flow *flow)
{
    struct session_refresh *s = (struct session_refresh *)flow;
    struct app *app = s->request.app;
    const struct store_call call = {app->service.pool, &flow->arena, on_session_ended, s};

    if (!s->state.is_found || !s->state.is_alive)
        return fail(s, "session_ended", "the session has ended; sign in again");
    s->request.who.user_id = s->state.account.id;
    if (!s->state.is_replaced || s->state.is_in_grace)
        return FLOW_NEXT;
    token_cache_drop_session(app->tokens, &s->state.session_id);
    session_store_revoke(&call, &s->state.account.id, &s->state.session_id, &s->is_ended);
    return FLOW_WAIT;
}

static void on_session_ended(void *arg, const struct err *err)
{
    struct session_refresh *s = arg;
    struct err reused;

    if (err == NULL) {
        signed_in_clear_cookie(&s->request);
        err_set_slug(&reused, ERR_UNAUTHENTICATED, "refresh_reused",
                     "the refresh cookie was used before; the session has been ended");
        err = &reused;
    }
    flow_resume(&s->request.flow, err);
}

static enum flow_next rotate_token(struct flow *flow)
{
    struct session_refresh *s = (struct session_refresh *)flow;
    const struct store_call call = {s->request.app->service.pool, &flow->arena, on_token_rotated,
                                    s};

    s->next = secret_token_successor(&s->token, &s->state.salt);
    s->rotation.next = secret_token_digest(&s->next);
    randombytes_buf(s->rotation.next_salt.bytes, sizeof s->rotation.next_salt.bytes);
    refresh_store_rotate(&call, &s->rotation, &s->is_rotated);
    return FLOW_WAIT;
}

static void on_token_rotated(void *arg, const struct err *err)
{
    struct session_refresh *s = arg;
    struct err moved;

    if (err == NULL && !s->is_rotated) {
        err_set_slug(&moved, ERR_UNAVAILABLE, "busy", "the session is changing; try again");
        err = &moved;
    }
    if (err != NULL && err->code == ERR_UNAUTHENTICATED)
        signed_in_clear_cookie(&s->request);
    flow_resume(&s->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct session_refresh *s = (struct session_refresh *)flow;
    const struct signed_in signed_in = {&s->state.account, &s->state.session_id, &s->next};

    if (flow->err.code == ERR_NONE)
        signed_in_reply(&s->request, 200, &signed_in);
    request_end(&s->request);
}

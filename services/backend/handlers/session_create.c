/* POST /session — sign in with e-mail address and password. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/email.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/password_proof.h"
#include "services/backend/handlers/signed_in.h"
#include "services/backend/store/account_store.h"

struct session_create {
    struct proof proof;
    struct new_session session;
    struct secret_token refresh;
    bool is_added;
};
static flow_step_fn read_body, load_account, add_session;
static flow_finish_fn reply_and_free;
static store_done_fn on_account_loaded, on_session_added;
static const struct flow_plan session_create_plan = {
    .name = "session_create",
    .steps = {read_body, password_proof_count, load_account, password_proof_check,
              password_proof_forgive, add_session},
    .finish = reply_and_free,
};

void session_create_start(void *context, struct http_request *req)
{
    struct session_create *s = MEM_NEW(struct session_create);

    request_start(&s->proof.request, context, req, 0, &session_create_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct session_create *s = (struct session_create *)flow;
    const struct json_reading reading = {.fields = sign_in_fields, .n_fields = sign_in_n_fields};
    struct sign_in sign_in = {0};

    if (!signed_in_take_turn(&s->proof.request) ||
        !request_read_json(&s->proof.request, &reading, &sign_in, NULL) ||
        !email_normalise(sign_in.email, &flow->arena, &s->proof.email, &flow->err))
        return flow_fail(flow);
    s->proof.password = sign_in.password;
    return FLOW_NEXT;
}

static enum flow_next load_account(struct flow *flow)
{
    struct session_create *s = (struct session_create *)flow;
    const struct store_call call = {s->proof.request.app->service.pool, &flow->arena,
                                    on_account_loaded, s};

    account_store_find(&call, s->proof.email, &s->proof.account);
    return FLOW_WAIT;
}

static void on_account_loaded(void *arg, const struct err *err)
{
    struct session_create *s = arg;

    flow_resume(&s->proof.request.flow, err);
}

static enum flow_next add_session(struct flow *flow)
{
    struct session_create *s = (struct session_create *)flow;
    struct app *app = s->proof.request.app;
    const struct store_call call = {app->service.pool, &flow->arena, on_session_added, s};

    signed_in_begin(&s->proof.request, &s->session, &s->refresh);
    session_store_add(&call, &s->proof.account, &s->session, app->config->sessions_max,
                      &s->is_added);
    return FLOW_WAIT;
}

/* An account that was deleted meanwhile is as unknown as one that never was. */
static void on_session_added(void *arg, const struct err *err)
{
    struct session_create *s = arg;
    struct err wrong = {0};

    if (err == NULL && !s->is_added) {
        password_proof_say_wrong(&wrong);
        err = &wrong;
    }
    flow_resume(&s->proof.request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct session_create *s = (struct session_create *)flow;
    const struct signed_in signed_in = {&s->proof.account, &s->session.id, &s->refresh};

    s->proof.request.who.user_id = s->proof.account.id;
    if (flow->err.code == ERR_NONE)
        signed_in_reply(&s->proof.request, 200, &signed_in);
    request_end(&s->proof.request);
}

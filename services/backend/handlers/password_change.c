/* POST /account/password — a new password; every other session ends. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/password_pool.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/password_proof.h"
#include "services/backend/store/account_store.h"

struct password_changing {
    struct proof proof;
    struct password_change change;
    const char *new_hash;
    bool is_saved;
};
static flow_step_fn read_body, hash_new, save_hash;
static flow_finish_fn reply_and_free;
static password_done_fn on_new_hashed;
static store_done_fn on_hash_saved;
static const struct flow_plan password_change_plan = {
    .name = "password_change",
    .steps = {request_authenticate, read_body, password_proof_load_own, password_proof_count,
              password_proof_check, password_proof_forgive, hash_new, save_hash},
    .finish = reply_and_free,
};

void password_change_start(void *context, struct http_request *req)
{
    struct password_changing *p = MEM_NEW(struct password_changing);

    request_start(&p->proof.request, context, req, SCOPE_SESSION, &password_change_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct password_changing *p = (struct password_changing *)flow;
    const struct json_reading reading = {.fields = password_change_fields,
                                         .n_fields = password_change_n_fields};

    if (!request_read_json(&p->proof.request, &reading, &p->change, NULL))
        return flow_fail(flow);
    p->proof.password = p->change.password;
    return FLOW_NEXT;
}

static enum flow_next hash_new(struct flow *flow)
{
    struct password_changing *p = (struct password_changing *)flow;

    password_hash(p->proof.request.app->passwords, p->change.new_password, on_new_hashed, p);
    return FLOW_WAIT;
}

static void on_new_hashed(void *arg, const char *hash, bool is_right, const struct err *err)
{
    struct password_changing *p = arg;

    (void)is_right;
    p->new_hash = arena_copy_text(&p->proof.request.flow.arena, hash);
    flow_resume(&p->proof.request.flow, err);
}

static enum flow_next save_hash(struct flow *flow)
{
    struct password_changing *p = (struct password_changing *)flow;
    const struct request *request = &p->proof.request;
    const struct store_call call = {request->app->service.pool, &flow->arena, on_hash_saved, p};
    const struct signed_out update = {flow->traceparent, clock_now_ms()};

    account_store_set_password(&call, &p->proof.account, p->new_hash, &request->who.session_id,
                               &update, &p->is_saved);
    return FLOW_WAIT;
}

static void on_hash_saved(void *arg, const struct err *err)
{
    struct password_changing *p = arg;
    const struct request *request = &p->proof.request;
    struct err changed;

    if (err == NULL && !p->is_saved) {
        err_set_slug(&changed, ERR_CONFLICT, "password_changed",
                     "the password was changed meanwhile");
        err = &changed;
    }
    if (err == NULL) {
        token_cache_drop_user(request->app->tokens, &request->who.user_id,
                              &request->who.session_id);
        service_wake_relay(&request->app->service);
    }
    flow_resume(&p->proof.request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct password_changing *p = (struct password_changing *)flow;

    if (flow->err.code == ERR_NONE)
        request_reply_empty(&p->proof.request, 204);
    request_end(&p->proof.request);
}

/* POST /account/delete — the account and all it owns, its password confirmed. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/password_proof.h"
#include "services/backend/handlers/signed_in.h"
#include "services/backend/purge.h"
#include "services/backend/store/account_store.h"

struct account_delete {
    struct proof proof;
    bool is_removed;
};
static flow_step_fn read_body, remove_account;
static flow_finish_fn reply_and_free;
static store_done_fn on_account_removed;
static const struct flow_plan account_delete_plan = {
    .name = "account_delete",
    .steps = {request_authenticate, read_body, password_proof_load_own, password_proof_count,
              password_proof_check, password_proof_forgive, remove_account},
    .finish = reply_and_free,
};

void account_delete_start(void *context, struct http_request *req)
{
    struct account_delete *d = MEM_NEW(struct account_delete);

    request_start(&d->proof.request, context, req, SCOPE_SESSION, &account_delete_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct account_delete *d = (struct account_delete *)flow;
    const struct json_reading reading = {.fields = password_proof_fields,
                                         .n_fields = password_proof_n_fields};
    struct password_proof proof = {0};

    if (!request_read_json(&d->proof.request, &reading, &proof, NULL))
        return flow_fail(flow);
    d->proof.password = proof.password;
    return FLOW_NEXT;
}

static enum flow_next remove_account(struct flow *flow)
{
    struct account_delete *d = (struct account_delete *)flow;
    const struct store_call call = {d->proof.request.app->service.pool, &flow->arena,
                                    on_account_removed, d};
    const int64_t now_ms = clock_now_ms();
    struct account ended = d->proof.account;
    struct buf data;

    ended.version++;
    buf_init(&data);
    account_write_event(&ended, now_ms, &data);
    const struct account_event event = {buf_text(&data), flow->traceparent, now_ms};

    account_store_remove(&call, &d->proof.account, &event, &d->is_removed);
    buf_clear(&data);
    return FLOW_WAIT;
}

static void on_account_removed(void *arg, const struct err *err)
{
    struct account_delete *d = arg;
    struct app *app = d->proof.request.app;
    struct err changed;

    if (err == NULL && !d->is_removed) {
        err_set_slug(&changed, ERR_CONFLICT, "account_changed",
                     "the account was changed meanwhile; try again");
        err = &changed;
    }
    if (err == NULL) {
        token_cache_drop_user(app->tokens, &d->proof.request.who.user_id, NULL);
        service_wake_relay(&app->service);
        purge_wake(app->purge);
    }
    flow_resume(&d->proof.request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct account_delete *d = (struct account_delete *)flow;

    if (flow->err.code == ERR_NONE) {
        signed_in_clear_cookie(&d->proof.request);
        request_reply_empty(&d->proof.request, 204);
    }
    request_end(&d->proof.request);
}

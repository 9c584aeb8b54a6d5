/* PATCH /account — change name or time zone. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/time_zone.h"
#include "services/backend/handlers/account_change.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/account_reply.h"

struct account_update {
    struct request request;
    struct account_patch patch;
    struct account_change change;
};
static flow_step_fn read_body, change_account;
static flow_finish_fn reply_and_free;
static account_change_fn apply_patch;
static store_done_fn on_account_changed;
static const struct flow_plan account_update_plan = {
    .name = "account_update",
    .steps = {request_authenticate, read_body, change_account},
    .finish = reply_and_free,
};

void account_update_start(void *context, struct http_request *req)
{
    struct account_update *u = MEM_NEW(struct account_update);

    request_start(&u->request, context, req, SCOPE_ACCOUNT_WRITE, &account_update_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct account_update *u = (struct account_update *)flow;
    const struct json_reading reading = {.fields = account_patch_fields,
                                         .n_fields = account_patch_n_fields};

    if (!request_read_json(&u->request, &reading, &u->patch, NULL))
        return flow_fail(flow);
    if (u->patch.time_zone != NULL && !time_zone_is_known(u->patch.time_zone)) {
        err_add_field(&flow->err, "time_zone",
                      "is not a time zone of the IANA database, like Europe/Berlin");
        return flow_fail(flow);
    }
    return FLOW_NEXT;
}

static enum flow_next change_account(struct flow *flow)
{
    struct account_update *u = (struct account_update *)flow;

    u->change = (struct account_change){
        .app = u->request.app,
        .arena = &flow->arena,
        .owner_id = u->request.who.user_id,
        .traceparent = flow->traceparent,
        .change = apply_patch,
        .done = on_account_changed,
        .arg = u,
    };
    account_change_start(&u->change);
    return FLOW_WAIT;
}

static bool apply_patch(struct account_change *change, struct err *err)
{
    struct account_update *u = change->arg;

    (void)err;
    return account_apply(&change->account, &u->patch, change->now_ms);
}

static void on_account_changed(void *arg, const struct err *err)
{
    struct account_update *u = arg;

    flow_resume(&u->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct account_update *u = (struct account_update *)flow;

    if (flow->err.code == ERR_NONE)
        account_reply(&u->request, &u->change.account);
    request_end(&u->request);
}

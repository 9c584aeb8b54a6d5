/* PATCH /account — change name or time zone. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/time_zone.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/account_reply.h"
#include "services/backend/store/account_store.h"

enum { TRIES_MAX = 5 };

struct account_update {
    struct request request;
    struct account_patch patch;
    struct account account;
    bool is_saved;
    int n_tries;
};
static flow_step_fn read_body, change_account;
static flow_finish_fn reply_and_free;
static store_done_fn on_account_loaded, on_account_saved;
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

static void load_account(struct account_update *u)
{
    const struct store_call call = {u->request.app->service.pool, &u->request.flow.arena,
                                    on_account_loaded, u};

    account_store_get(&call, &u->request.who.user_id, &u->account);
}

static enum flow_next change_account(struct flow *flow)
{
    load_account((struct account_update *)flow);
    return FLOW_WAIT;
}

static void on_account_loaded(void *arg, const struct err *err)
{
    struct account_update *u = arg;
    struct flow *flow = &u->request.flow;
    const struct store_call call = {u->request.app->service.pool, &flow->arena, on_account_saved,
                                    u};
    const int64_t now_ms = clock_now_ms();
    struct buf data;

    if (err != NULL || !account_apply(&u->account, &u->patch, now_ms)) {
        flow_resume(flow, err);
        return;
    }
    buf_init(&data);
    account_write_event(&u->account, 0, &data);
    const struct account_event event = {buf_text(&data), flow->traceparent, now_ms};

    account_store_save(&call, &u->account, &event, &u->is_saved);
    buf_clear(&data);
}

/* Someone else changed it between reading and saving: read again. */
static void on_account_saved(void *arg, const struct err *err)
{
    struct account_update *u = arg;
    struct err busy;

    if (err == NULL && !u->is_saved && ++u->n_tries < TRIES_MAX) {
        load_account(u);
        return;
    }
    if (err == NULL && !u->is_saved) {
        err_set_slug(&busy, ERR_UNAVAILABLE, "busy", "the account keeps changing; try again");
        err = &busy;
    }
    if (err == NULL)
        service_wake_relay(&u->request.app->service);
    flow_resume(&u->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct account_update *u = (struct account_update *)flow;

    if (flow->err.code == ERR_NONE)
        account_reply(&u->request, &u->account);
    request_end(&u->request);
}

/* PATCH /reminder-settings — change how the user wants to be reminded. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/account_change.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/request.h"

struct reminder_settings_update {
    struct request request; /* first member */
    struct account_change change;
};
static flow_step_fn change_account;
static flow_finish_fn reply_and_free;
static account_change_fn apply_patch;
static store_done_fn on_account_changed;
static const struct flow_plan reminder_settings_update_plan = {
    .name = "reminder_settings_update",
    .steps = {request_authenticate, change_account},
    .finish = reply_and_free,
};

void reminder_settings_update_start(void *context, struct http_request *req)
{
    struct reminder_settings_update *u = MEM_NEW(struct reminder_settings_update);

    request_start(&u->request, context, req, SCOPE_ACCOUNT_WRITE, &reminder_settings_update_plan);
}

static enum flow_next change_account(struct flow *flow)
{
    struct reminder_settings_update *u = (struct reminder_settings_update *)flow;

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

/* The body is read onto the settings as they are: so what is absent stays, and quiet hours are held
 * against the end that is there already. */
static bool apply_patch(struct account_change *change, struct err *err)
{
    struct reminder_settings_update *u = change->arg;
    const struct json_reading reading = {.fields = reminder_settings_fields,
                                         .n_fields = reminder_settings_n_fields};
    struct reminder_settings settings = change->account.settings;

    if (!request_read_json(&u->request, &reading, &settings, NULL)) {
        *err = u->request.flow.err;
        return false;
    }
    return reminder_settings_check(&settings, err) &&
           account_set_settings(&change->account, &settings, change->now_ms);
}

static void on_account_changed(void *arg, const struct err *err)
{
    struct reminder_settings_update *u = arg;

    flow_resume(&u->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct reminder_settings_update *u = (struct reminder_settings_update *)flow;
    struct buf body;

    buf_init(&body);
    if (!err_is_set(&flow->err)) {
        reminder_settings_write(&u->change.account.settings, &body);
        request_reply_json(&u->request, 200, &body);
    }
    buf_clear(&body);
    request_end(&u->request);
}

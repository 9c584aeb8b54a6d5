/* GET /reminder-settings — how the user wants to be reminded. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/request.h"
#include "services/backend/store/account_whole.h"

struct reminder_settings_get {
    struct request request; /* first member */
    struct account account;
};
static flow_step_fn load_account;
static flow_finish_fn reply_and_free;
static store_done_fn on_account_loaded;
static const struct flow_plan reminder_settings_get_plan = {
    .name = "reminder_settings_get",
    .steps = {request_authenticate, load_account},
    .finish = reply_and_free,
};

void reminder_settings_get_start(void *context, struct http_request *req)
{
    struct reminder_settings_get *g = MEM_NEW(struct reminder_settings_get);

    request_start(&g->request, context, req, SCOPE_ACCOUNT_READ, &reminder_settings_get_plan);
}

static enum flow_next load_account(struct flow *flow)
{
    struct reminder_settings_get *g = (struct reminder_settings_get *)flow;
    const struct store_call call = {g->request.app->service.pool, &flow->arena, on_account_loaded,
                                    g};

    account_whole_get(&call, &g->request.who.user_id, &g->account);
    return FLOW_WAIT;
}

static void on_account_loaded(void *arg, const struct err *err)
{
    struct reminder_settings_get *g = arg;

    flow_resume(&g->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct reminder_settings_get *g = (struct reminder_settings_get *)flow;
    struct buf body;

    buf_init(&body);
    if (!err_is_set(&flow->err)) {
        reminder_settings_write(&g->account.settings, &body);
        request_reply_json(&g->request, 200, &body);
    }
    buf_clear(&body);
    request_end(&g->request);
}

/* GET /series/{id} — its rule, how far it has come, and its newest task. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/series_body.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"

struct series_get {
    struct request request; /* first member */
    struct uuid id;
    struct series_state state;
};
static flow_step_fn read_id, load_series;
static flow_finish_fn reply_and_free;
static store_done_fn on_series_loaded;
static const struct flow_plan series_get_plan = {
    .name = "series_get",
    .steps = {request_authenticate, read_id, load_series},
    .finish = reply_and_free,
};

void series_get_start(void *context, struct http_request *req)
{
    struct series_get *get = MEM_NEW(struct series_get);

    request_start(&get->request, context, req, SCOPE_TASKS_READ, &series_get_plan);
}

static enum flow_next read_id(struct flow *flow)
{
    struct series_get *get = (struct series_get *)flow;

    if (!series_body_read_id(&get->request, &get->id, &flow->err) ||
        !task_body_check_no_query(&get->request, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next load_series(struct flow *flow)
{
    struct series_get *get = (struct series_get *)flow;
    const struct store_call call = {get->request.app->service.pool, &flow->arena, on_series_loaded,
                                    get};

    series_store_get(&call, &get->request.who.user_id, &get->id, &get->state);
    return FLOW_WAIT;
}

static void on_series_loaded(void *arg, const struct err *err)
{
    struct series_get *get = arg;
    struct err missing = {0};

    if (err == NULL && !series_is_there(&get->state.series)) {
        err_set(&missing, ERR_NOT_FOUND, "you have no series with this id");
        err = &missing;
    }
    flow_resume(&get->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct series_get *get = (struct series_get *)flow;

    if (!err_is_set(&flow->err))
        series_body_reply(&get->request, &get->state);
    request_end(&get->request);
}

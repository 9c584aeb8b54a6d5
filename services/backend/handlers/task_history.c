/* GET /tasks/{id}/history, GET /history — what happened, as the audit trail has it: asked of audit
 * through the sidecar. Of a purged task the trail still tells. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/asked_page.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"
#include "services/backend/store/task_store.h"

struct task_history {
    struct request request; /* first member */
    bool is_of_task;
    struct uuid task_id;
    bool is_known; /* the task is there, or was a short while ago */
    struct asked_page page;
};
static flow_step_fn read_query, find_task, ask_audit, check_task;
static flow_finish_fn reply_and_free;
static store_done_fn on_task_found;
static const struct flow_plan task_history_plan = {
    .name = "task_history",
    .steps = {request_authenticate, read_query, find_task, ask_audit, check_task},
    .finish = reply_and_free,
};

static void start(struct app *app, struct http_request *req, bool is_of_task)
{
    struct task_history *history = MEM_NEW(struct task_history);

    history->is_of_task = is_of_task;
    history->page = (struct asked_page){.service = "audit", .name = "entries"};
    request_start(&history->request, app, req, SCOPE_TASKS_READ, &task_history_plan);
}

void task_history_start(void *context, struct http_request *req)
{
    start(context, req, true);
}

void history_start(void *context, struct http_request *req)
{
    start(context, req, false);
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"cursor", "limit", NULL};
    struct task_history *history = (struct task_history *)flow;
    struct request *request = &history->request;

    if (history->is_of_task && !task_body_read_id(request, &history->task_id, &flow->err))
        return flow_fail(flow);
    if (!http_check_query(request->req, names, &flow->err) ||
        !asked_page_read_query(&history->page, request, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next find_task(struct flow *flow)
{
    struct task_history *history = (struct task_history *)flow;
    const struct store_call call = {history->request.app->service.pool, &flow->arena, on_task_found,
                                    history};

    if (!history->is_of_task)
        return FLOW_NEXT;
    task_store_exists(&call, &history->request.who.user_id, &history->task_id, &history->is_known);
    return FLOW_WAIT;
}

static void on_task_found(void *arg, const struct err *err)
{
    struct task_history *history = arg;

    flow_resume(&history->request.flow, err);
}

static enum flow_next ask_audit(struct flow *flow)
{
    struct task_history *history = (struct task_history *)flow;
    enum flow_next next;
    struct buf path;

    buf_init(&path);
    buf_format(&path, "/internal/history?owner_id=%s", history->request.who.user_id.text);
    if (history->is_of_task)
        buf_format(&path, "&task_id=%s", history->task_id.text);
    next = asked_page_ask(&history->page, &path);
    buf_clear(&path);
    return next;
}

static enum flow_next check_task(struct flow *flow)
{
    struct task_history *history = (struct task_history *)flow;

    if (!history->is_of_task || history->is_known || history->page.items.n_items > 0)
        return FLOW_NEXT;
    err_set(&flow->err, ERR_NOT_FOUND, "you have no task with this id");
    return flow_fail(flow);
}

static void reply_and_free(struct flow *flow)
{
    struct task_history *history = (struct task_history *)flow;

    if (!err_is_set(&flow->err))
        asked_page_reply(&history->page);
    request_end(&history->request);
}

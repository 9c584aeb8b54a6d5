/* GET /tasks/{id} — one task, unless the client has this version of it already. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/etag.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"
#include "services/backend/store/task_store.h"

struct task_get {
    struct request request; /* first member */
    struct uuid id;
    struct task task;
};
static flow_step_fn read_id, load_task;
static flow_finish_fn reply_and_free;
static store_done_fn on_task_loaded;
static const struct flow_plan task_get_plan = {
    .name = "task_get",
    .steps = {request_authenticate, read_id, load_task},
    .finish = reply_and_free,
};

void task_get_start(void *context, struct http_request *req)
{
    struct task_get *get = MEM_NEW(struct task_get);

    request_start(&get->request, context, req, SCOPE_TASKS_READ, &task_get_plan);
}

static enum flow_next read_id(struct flow *flow)
{
    struct task_get *get = (struct task_get *)flow;

    if (!task_body_read_id(&get->request, &get->id, &flow->err) ||
        !task_body_check_no_query(&get->request, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next load_task(struct flow *flow)
{
    struct task_get *get = (struct task_get *)flow;
    const struct store_call call = {get->request.app->service.pool, &flow->arena, on_task_loaded,
                                    get};

    task_store_get(&call, &get->request.who.user_id, &get->id, &get->task);
    return FLOW_WAIT;
}

static void on_task_loaded(void *arg, const struct err *err)
{
    struct task_get *get = arg;

    flow_resume(&get->request.flow, err);
}

static bool has_it_already(struct task_get *get)
{
    const char *tags = http_header(get->request.req, "If-None-Match");

    return tags != NULL && etag_compare(tags, get->task.version, false) == ETAG_MATCHES;
}

static void reply_and_free(struct flow *flow)
{
    struct task_get *get = (struct task_get *)flow;
    struct buf body;

    if (!err_is_set(&flow->err)) {
        task_body_add_etag(&get->request, get->task.version);
        if (has_it_already(get)) {
            request_reply_empty(&get->request, 304);
        } else {
            buf_init(&body);
            task_write(&get->task, &body);
            request_reply_json(&get->request, 200, &body);
            buf_clear(&body);
        }
    }
    request_end(&get->request);
}

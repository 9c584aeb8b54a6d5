/* GET /tasks — a page of the tasks that pass the filters. */
#include "services/backend/store/task_list.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"

struct task_list {
    struct request request; /* first member */
    struct task_query query;
    struct task_page page;
};
static flow_step_fn read_query, load_page;
static flow_finish_fn reply_and_free;
static store_done_fn on_page_loaded;
static const struct flow_plan task_list_plan = {
    .name = "task_list",
    .steps = {request_authenticate, read_query, load_page},
    .finish = reply_and_free,
};

void task_list_start(void *context, struct http_request *req)
{
    struct task_list *list = MEM_NEW(struct task_list);

    request_start(&list->request, context, req, SCOPE_TASKS_READ, &task_list_plan);
}

static enum flow_next read_query(struct flow *flow)
{
    struct task_list *list = (struct task_list *)flow;
    struct http_request *req = list->request.req;
    bool ok = http_check_query(req, task_query_names, &flow->err);

    task_query_init(&list->query);
    for (size_t i = 0; task_query_names[i] != NULL; i++) {
        struct err bad = {0};
        const char *name = task_query_names[i];
        const char *value = http_query(req, name, &bad);

        if (err_is_set(&bad))
            ok = err_add_field(&flow->err, name, "%s", bad.fields[0].text);
        else
            ok &= task_query_take(&list->query, name, value, &flow->arena, &flow->err);
    }
    return ok ? FLOW_NEXT : flow_fail(flow);
}

static enum flow_next load_page(struct flow *flow)
{
    struct task_list *list = (struct task_list *)flow;
    const struct store_call call = {list->request.app->service.pool, &flow->arena, on_page_loaded,
                                    list};

    task_list_read(&call, &list->request.who.user_id, &list->query, clock_now_ms(), &list->page);
    return FLOW_WAIT;
}

static void on_page_loaded(void *arg, const struct err *err)
{
    struct task_list *list = arg;

    flow_resume(&list->request.flow, err);
}

static void reply(struct task_list *list)
{
    const struct task_page *page = &list->page;
    const char *cursor = NULL;
    struct json_out json;
    struct buf body;

    if (page->has_more)
        cursor = task_query_cursor(&list->query, &page->tasks[page->n_tasks - 1],
                                   &list->request.flow.arena);
    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_open_array(&json, "tasks");
    for (size_t i = 0; i < page->n_tasks; i++) {
        json_open_object(&json, NULL);
        json_write_fields(&json, task_fields, task_n_fields, &page->tasks[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_text(&json, "next_cursor", cursor);
    json_close_object(&json);
    request_reply_json(&list->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct task_list *list = (struct task_list *)flow;

    if (!err_is_set(&flow->err))
        reply(list);
    request_end(&list->request);
}

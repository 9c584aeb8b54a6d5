/* GET /notifications — what the app showed, the newest first, and how many are unread. */
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "common/net/http_query.h"
#include "services/backend/app.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/store/notification_store.h"

enum { LIMIT_INITIAL = 50, LIMIT_MAX = 200 };

struct notification_list {
    struct request request; /* first member */
    struct notification_query query;
    struct notification_page page;
};
static flow_step_fn read_query, load_page;
static flow_finish_fn reply_and_free;
static store_done_fn on_page_loaded;
static const struct flow_plan notification_list_plan = {
    .name = "notification_list",
    .steps = {request_authenticate, read_query, load_page},
    .finish = reply_and_free,
};

void notification_list_start(void *context, struct http_request *req)
{
    struct notification_list *l = MEM_NEW(struct notification_list);

    request_start(&l->request, context, req, SCOPE_TASKS_READ, &notification_list_plan);
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"unread", "limit", "cursor", NULL};
    struct notification_list *l = (struct notification_list *)flow;
    struct request *request = &l->request;
    struct err *err = &flow->err;

    l->query.limit = LIMIT_INITIAL;
    if (!http_check_query(request->req, names, err) ||
        !task_body_read_flag(request, "unread", &l->query.is_unread, err) ||
        !http_query_number(request->req, "limit", 1, LIMIT_MAX, &l->query.limit, err))
        return flow_fail(flow);
    const char *cursor = http_query(request->req, "cursor", err);

    if (err_is_set(err) ||
        (cursor != NULL && !app_notification_read_cursor(cursor, &l->query.after, err)))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next load_page(struct flow *flow)
{
    struct notification_list *l = (struct notification_list *)flow;
    const struct store_call call = {l->request.app->service.pool, &flow->arena, on_page_loaded, l};

    notification_store_list(&call, &l->request.who.user_id, &l->query, &l->page);
    return FLOW_WAIT;
}

static void on_page_loaded(void *arg, const struct err *err)
{
    struct notification_list *l = arg;

    flow_resume(&l->request.flow, err);
}

static void reply(struct notification_list *l)
{
    const struct notification_page *page = &l->page;
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_open_array(&json, "notifications");
    for (size_t i = 0; i < page->n_notifications; i++) {
        json_open_object(&json, NULL);
        json_write_fields(&json, app_notification_fields, app_notification_n_fields,
                          &page->notifications[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_int(&json, "unread", page->unread);
    json_text(&json, "next_cursor",
              page->has_more
                  ? app_notification_cursor(&page->notifications[page->n_notifications - 1],
                                            &l->request.flow.arena)
                  : NULL);
    json_close_object(&json);
    request_reply_json(&l->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct notification_list *l = (struct notification_list *)flow;

    if (!err_is_set(&flow->err))
        reply(l);
    request_end(&l->request);
}

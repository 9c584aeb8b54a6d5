/* GET /series/{id}/occurrences — a page of its occurrences, the newest first; purged ones are gone. */
#include <inttypes.h>

#include "common/base/mem.h"
#include "common/net/http_query.h"
#include "services/backend/app.h"
#include "services/backend/handlers/series_body.h"
#include "services/backend/handlers/task_handlers.h"

enum { LIMIT_INITIAL = 50, LIMIT_MAX = 200 };
#define NUMBER_MAX (INT64_C(1) << 53)

static const struct json_field occurrence_fields[] = {
    JSON_INT(struct occurrence, number, "number", JSON_REQUIRED, 1, NUMBER_MAX),
    JSON_UUID(struct occurrence, task_id, "task_id", JSON_REQUIRED),
    JSON_TEXT(struct occurrence, title, "title", JSON_REQUIRED, 1, TASK_TITLE_MAX),
    JSON_TIME(struct occurrence, due_at, "due_at", JSON_NULLABLE),
    JSON_TIME(struct occurrence, scheduled_at, "scheduled_at", JSON_NULLABLE),
    JSON_ENUM(struct occurrence, status, "status", JSON_REQUIRED, task_status_words),
    JSON_TIME(struct occurrence, ended_at, "ended_at", JSON_NULLABLE),
    JSON_TIME(struct occurrence, deleted_at, "deleted_at", JSON_NULLABLE),
};
enum { N_FIELDS = sizeof(occurrence_fields) / sizeof(occurrence_fields[0]) };

struct series_occurrences {
    struct request request; /* first member */
    struct uuid id;
    int64_t before; /* the cursor: the last number of the page before; 0: the first page */
    int64_t limit;
    struct occurrence_page page;
};
static flow_step_fn read_query, load_page;
static flow_finish_fn reply_and_free;
static store_done_fn on_page_loaded;
static const struct flow_plan series_occurrences_plan = {
    .name = "series_occurrences",
    .steps = {request_authenticate, read_query, load_page},
    .finish = reply_and_free,
};

void series_occurrences_start(void *context, struct http_request *req)
{
    struct series_occurrences *list = MEM_NEW(struct series_occurrences);

    request_start(&list->request, context, req, SCOPE_TASKS_READ, &series_occurrences_plan);
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct series_occurrences *list = (struct series_occurrences *)flow;
    struct request *request = &list->request;
    struct err bad = {0};

    list->limit = LIMIT_INITIAL;
    if (!series_body_read_id(request, &list->id, &flow->err) ||
        !http_check_query(request->req, names, &flow->err) ||
        !http_query_number(request->req, "limit", 1, LIMIT_MAX, &list->limit, &flow->err))
        return flow_fail(flow);
    if (http_query_number(request->req, "cursor", 1, NUMBER_MAX, &list->before, &bad))
        return FLOW_NEXT;
    err_add_field(&flow->err, "cursor", "is not one that this list gave");
    return flow_fail(flow);
}

static enum flow_next load_page(struct flow *flow)
{
    struct series_occurrences *list = (struct series_occurrences *)flow;
    const struct store_call call = {list->request.app->service.pool, &flow->arena, on_page_loaded,
                                    list};

    series_store_occurrences(&call, &list->request.who.user_id, &list->id, list->before,
                             list->limit, &list->page);
    return FLOW_WAIT;
}

static void on_page_loaded(void *arg, const struct err *err)
{
    struct series_occurrences *list = arg;
    struct err missing = {0};

    if (err == NULL && !list->page.is_there) {
        err_set(&missing, ERR_NOT_FOUND, "you have no series with this id");
        err = &missing;
    }
    flow_resume(&list->request.flow, err);
}

static void reply(struct series_occurrences *list)
{
    const struct occurrence_page *page = &list->page;
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_open_array(&json, "occurrences");
    for (size_t i = 0; i < page->n_occurrences; i++) {
        json_open_object(&json, NULL);
        json_write_fields(&json, occurrence_fields, N_FIELDS, &page->occurrences[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_text(&json, "next_cursor",
              page->has_more ? arena_format(&list->request.flow.arena, "%" PRId64,
                                            page->occurrences[page->n_occurrences - 1].number)
                             : NULL);
    json_close_object(&json);
    request_reply_json(&list->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct series_occurrences *list = (struct series_occurrences *)flow;

    if (!err_is_set(&flow->err))
        reply(list);
    request_end(&list->request);
}

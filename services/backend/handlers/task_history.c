/* GET /tasks/{id}/history, GET /history — what happened, as the audit trail has it: asked of audit
 * through the sidecar. Of a purged task the trail still tells. */
#include <string.h>

#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"
#include "services/backend/store/task_store.h"

enum { HISTORY_LIMIT_INITIAL = 50, HISTORY_LIMIT_MAX = 200, CURSOR_MAX = 512, ASK_LIMIT_MS = 5000 };

/* What audit answers, and we do in turn. */
struct history {
    struct json_texts entries;
    const char *next_cursor;
};
static const struct json_field history_fields[] = {
    JSON_RAWS(struct history, entries, "entries", JSON_REQUIRED, HISTORY_LIMIT_MAX),
    JSON_TEXT(struct history, next_cursor, "next_cursor", JSON_NULLABLE, 1, CURSOR_MAX),
};
static const struct json_reading history_reading = {
    .fields = history_fields, .n_fields = 2, .unknown = JSON_IGNORE_UNKNOWN};

struct task_history {
    struct request request; /* first member */
    bool is_of_task;
    struct uuid task_id;
    int64_t limit;
    const char *cursor; /* NULL: the first page */
    bool is_known;      /* the task is there, or was a short while ago */
    struct history history;
};
static flow_step_fn read_query, find_task, ask_audit;
static flow_finish_fn reply_and_free;
static store_done_fn on_task_found;
static http_answered_fn on_audit_answered;
static const struct flow_plan task_history_plan = {
    .name = "task_history",
    .steps = {request_authenticate, read_query, find_task, ask_audit},
    .finish = reply_and_free,
};

static void start(struct app *app, struct http_request *req, bool is_of_task)
{
    struct task_history *history = MEM_NEW(struct task_history);

    history->is_of_task = is_of_task;
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

/* The cursor is audit's own: passed on, but nothing of it may end up outside the query's value. */
static bool read_cursor(struct task_history *history, struct err *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    const char *cursor = http_query(history->request.req, "cursor", err);
    size_t length;

    if (cursor == NULL)
        return !err_is_set(err);
    length = strlen(cursor);
    if (length == 0 || length > CURSOR_MAX || strspn(cursor, allowed) != length)
        return err_add_field(err, "cursor", "is not one that this list gave");
    history->cursor = cursor;
    return true;
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"cursor", "limit", NULL};
    struct task_history *history = (struct task_history *)flow;
    struct request *request = &history->request;

    history->limit = HISTORY_LIMIT_INITIAL;
    if (history->is_of_task && !task_body_read_id(request, &history->task_id, &flow->err))
        return flow_fail(flow);
    if (!http_check_query(request->req, names, &flow->err) ||
        !task_body_read_number(request, "limit", 1, HISTORY_LIMIT_MAX, &history->limit,
                               &flow->err) ||
        !read_cursor(history, &flow->err))
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
    struct buf path;

    buf_init(&path);
    buf_format(&path, "/internal/history?owner_id=%s&limit=%lld", history->request.who.user_id.text,
               (long long)history->limit);
    if (history->is_of_task)
        buf_format(&path, "&task_id=%s", history->task_id.text);
    if (history->cursor != NULL)
        buf_format(&path, "&cursor=%s", history->cursor);
    dapr_invoke_get(history->request.app->service.dapr,
                    &(struct dapr_invocation){.app_id = "audit",
                                              .path = buf_text(&path),
                                              .traceparent = flow->traceparent,
                                              .limit_ms = ASK_LIMIT_MS},
                    on_audit_answered, history);
    buf_clear(&path);
    return FLOW_WAIT;
}

/* Judge audit's answer. Of its refusals only one is the client's doing: the cursor. */
static bool take_answer(struct task_history *history, const struct http_answer *answer,
                        struct err *err)
{
    if (answer->status == 400 && history->cursor != NULL)
        return err_add_field(err, "cursor", "is not one that this list gave");
    if (answer->status != 200)
        return err_set(err, ERR_UNAVAILABLE, "audit answered %d", answer->status);
    if (!json_read(answer->body, answer->n_bytes, &history_reading, &history->request.flow.arena,
                   &history->history, err))
        return err_set(err, ERR_INTERNAL, "audit answered something else than a history");
    if (history->is_of_task && !history->is_known && history->history.entries.n_items == 0)
        return err_set(err, ERR_NOT_FOUND, "you have no task with this id");
    return true;
}

static void on_audit_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct task_history *history = arg;
    struct err refusal = {0};

    if (err != NULL)
        err_set(&refusal, ERR_UNAVAILABLE, "the audit trail is away: %s", err->text);
    else if (take_answer(history, answer, &refusal)) {
        flow_resume(&history->request.flow, NULL);
        return;
    }
    flow_resume(&history->request.flow, &refusal);
}

static void reply(struct task_history *history)
{
    const struct json_texts *entries = &history->history.entries;
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_open_array(&json, "entries");
    for (size_t i = 0; i < entries->n_items; i++)
        json_raw(&json, NULL, entries->items[i]);
    json_close_array(&json);
    json_text(&json, "next_cursor", history->history.next_cursor);
    json_close_object(&json);
    request_reply_json(&history->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct task_history *history = (struct task_history *)flow;

    if (!err_is_set(&flow->err))
        reply(history);
    request_end(&history->request);
}

/* GET /reminders — what becomes of reminders, with every attempt: asked of notification through the
 * sidecar. */
#include <string.h>

#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/handlers/task_body.h"

enum { LIMIT_INITIAL = 50, LIMIT_MAX = 200, CURSOR_MAX = 512, ASK_LIMIT_MS = 5000 };

/* of the ledger */
static const char *const state_words[] = {"scheduled", "claimed",   "retrying", "sent",
                                          "failed",    "cancelled", "expired",  NULL};

/* What notification answers, and we do in turn. */
struct reminder_page {
    struct json_texts reminders;
    const char *next_cursor;
};
static const struct json_field page_fields[] = {
    JSON_RAWS(struct reminder_page, reminders, "reminders", JSON_REQUIRED, LIMIT_MAX),
    JSON_TEXT(struct reminder_page, next_cursor, "next_cursor", JSON_NULLABLE, 1, CURSOR_MAX),
};
static const struct json_reading page_reading = {
    .fields = page_fields, .n_fields = 2, .unknown = JSON_IGNORE_UNKNOWN};

struct reminder_listing {
    struct request request; /* first member */
    const char *state;      /* NULL: any */
    struct uuid task_id;    /* none: of all */
    int64_t limit;
    const char *cursor; /* NULL: the first page */
    struct reminder_page page;
};
static flow_step_fn read_query, ask_notification;
static flow_finish_fn reply_and_free;
static http_answered_fn on_answered;
static const struct flow_plan reminder_list_plan = {
    .name = "reminder_list",
    .steps = {request_authenticate, read_query, ask_notification},
    .finish = reply_and_free,
};

void reminder_list_start(void *context, struct http_request *req)
{
    struct reminder_listing *l = MEM_NEW(struct reminder_listing);

    request_start(&l->request, context, req, SCOPE_TASKS_READ, &reminder_list_plan);
}

static bool read_state(struct reminder_listing *l, struct err *err)
{
    const char *state = http_query(l->request.req, "state", err);

    if (state == NULL)
        return !err_is_set(err);
    for (size_t i = 0; state_words[i] != NULL; i++)
        if (strcmp(state_words[i], state) == 0) {
            l->state = state_words[i];
            return true;
        }
    return err_add_field(err, "state",
                         "must be one of: scheduled, claimed, retrying, sent, failed, cancelled, "
                         "expired");
}

static bool read_task_id(struct reminder_listing *l, struct err *err)
{
    const char *id = http_query(l->request.req, "task_id", err);

    if (id == NULL)
        return !err_is_set(err);
    return uuid_read(id, &l->task_id) || err_add_field(err, "task_id", "is not a UUID");
}

/* The cursor is notification's own: passed on, but nothing of it may end up outside the query's value. */
static bool read_cursor(struct reminder_listing *l, struct err *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    const char *cursor = http_query(l->request.req, "cursor", err);
    size_t length;

    if (cursor == NULL)
        return !err_is_set(err);
    length = strlen(cursor);
    if (length == 0 || length > CURSOR_MAX || strspn(cursor, allowed) != length)
        return err_add_field(err, "cursor", "is not one that this list gave");
    l->cursor = cursor;
    return true;
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"state", "task_id", "limit", "cursor", NULL};
    struct reminder_listing *l = (struct reminder_listing *)flow;
    struct err *err = &flow->err;

    l->limit = LIMIT_INITIAL;
    if (!http_check_query(l->request.req, names, err) || !read_state(l, err) ||
        !read_task_id(l, err) ||
        !task_body_read_number(&l->request, "limit", 1, LIMIT_MAX, &l->limit, err) ||
        !read_cursor(l, err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next ask_notification(struct flow *flow)
{
    struct reminder_listing *l = (struct reminder_listing *)flow;
    struct buf path;

    buf_init(&path);
    buf_format(&path, "/internal/reminders?owner=%s&limit=%lld", l->request.who.user_id.text,
               (long long)l->limit);
    if (l->state != NULL)
        buf_format(&path, "&state=%s", l->state);
    if (l->task_id.text[0] != '\0')
        buf_format(&path, "&task_id=%s", l->task_id.text);
    if (l->cursor != NULL)
        buf_format(&path, "&cursor=%s", l->cursor);
    dapr_invoke_get(l->request.app->service.dapr,
                    &(struct dapr_invocation){.app_id = "notification",
                                              .path = buf_text(&path),
                                              .traceparent = flow->traceparent,
                                              .limit_ms = ASK_LIMIT_MS},
                    on_answered, l);
    buf_clear(&path);
    return FLOW_WAIT;
}

/* Of notification's refusals only one is the client's doing: the cursor. */
static bool take_answer(struct reminder_listing *l, const struct http_answer *answer,
                        struct err *err)
{
    if (answer->status == 400 && l->cursor != NULL)
        return err_add_field(err, "cursor", "is not one that this list gave");
    if (answer->status != 200)
        return err_set(err, ERR_UNAVAILABLE, "notification answered %d", answer->status);
    if (!json_read(answer->body, answer->n_bytes, &page_reading, &l->request.flow.arena, &l->page,
                   err))
        return err_set(err, ERR_INTERNAL, "notification answered something else than reminders");
    return true;
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct reminder_listing *l = arg;
    struct err refusal = {0};

    if (err != NULL)
        err_set(&refusal, ERR_UNAVAILABLE, "notification is away: %s", err->text);
    else if (take_answer(l, answer, &refusal)) {
        flow_resume(&l->request.flow, NULL);
        return;
    }
    flow_resume(&l->request.flow, &refusal);
}

static void reply(struct reminder_listing *l)
{
    const struct json_texts *reminders = &l->page.reminders;
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_open_array(&json, "reminders");
    for (size_t i = 0; i < reminders->n_items; i++)
        json_raw(&json, NULL, reminders->items[i]);
    json_close_array(&json);
    json_text(&json, "next_cursor", l->page.next_cursor);
    json_close_object(&json);
    request_reply_json(&l->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct reminder_listing *l = (struct reminder_listing *)flow;

    if (!err_is_set(&flow->err))
        reply(l);
    request_end(&l->request);
}

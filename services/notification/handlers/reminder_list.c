/* GET /internal/reminders?owner=&state=&task_id=&limit=&cursor= — an owner's deliveries with every
 * attempt, newest first. The sidecar has checked who calls (access control over mTLS) and says so in
 * a header, which is checked once more. */
#include "services/notification/handlers/reminder_list.h"

#include <string.h>

#include "common/base/flow.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/json/json_out.h"
#include "common/net/http_query.h"
#include "services/notification/app.h"
#include "services/notification/store/reminder_store.h"

enum { LIMIT_DEFAULT = 50 };

static const char CALLER[] = "backend";

struct reminder_list {
    struct flow flow;         /* first member */
    struct app *app;          /* borrowed */
    struct http_request *req; /* taken; http_reply gives it back */
    struct reminder_query query;
    struct reminder_page page;
};
static flow_step_fn check_caller, read_query, list_reminders;
static flow_finish_fn reply_and_free;
static const struct flow_plan reminder_list_plan = {
    .name = "reminder_list",
    .steps = {check_caller, read_query, list_reminders},
    .finish = reply_and_free,
};

void reminder_list_start(void *context, struct http_request *req)
{
    struct reminder_list *list = MEM_NEW(struct reminder_list);

    list->app = context;
    list->req = req;
    flow_start(&list->flow, &reminder_list_plan, http_header(req, "traceparent"));
}

static enum flow_next check_caller(struct flow *flow)
{
    struct reminder_list *list = (struct reminder_list *)flow;

    return dapr_check_caller(list->req, CALLER, &flow->err) ? FLOW_NEXT : flow_fail(flow);
}

static bool read_state(struct reminder_list *list, struct err *err)
{
    const char *text = http_query(list->req, "state", err);

    list->query.state = -1;
    if (err_is_set(err))
        return false;
    if (text == NULL)
        return true;
    for (int i = 0; delivery_state_words[i] != NULL; i++)
        if (strcmp(text, delivery_state_words[i]) == 0)
            list->query.state = i;
    return list->query.state >= 0 ||
           err_add_field(err, "state",
                         "must be one of: scheduled, claimed, retrying, sent, failed,"
                         " cancelled, expired");
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"owner", "state", "task_id", "limit", "cursor", NULL};
    struct reminder_list *list = (struct reminder_list *)flow;
    struct reminder_query *query = &list->query;
    int64_t limit = LIMIT_DEFAULT;

    if (!http_check_query(list->req, names, &flow->err) ||
        !http_query_uuid(list->req, "owner", true, &query->owner_id, &flow->err) ||
        !http_query_uuid(list->req, "task_id", false, &query->task_id, &flow->err) ||
        !http_query_uuid(list->req, "cursor", false, &query->before, &flow->err) ||
        !read_state(list, &flow->err) ||
        !http_query_number(list->req, "limit", 1, REMINDER_LIST_MAX, &limit, &flow->err))
        return flow_fail(flow);
    query->limit = (int)limit;
    return FLOW_NEXT;
}

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct reminder_list *list = arg;

    if (err == NULL)
        reminder_store_read(rows, list->query.limit, &list->flow.arena, &list->page);
    flow_resume(&list->flow, err);
}

static enum flow_next list_reminders(struct flow *flow)
{
    struct reminder_list *list = (struct reminder_list *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    reminder_store_params(&list->query, &params);
    pg_query(list->app->base.service.pool, &REMINDER_LIST, &params, on_listed, list);
    return FLOW_WAIT;
}

static const char *text_or_null(const struct uuid *id)
{
    return id->text[0] != '\0' ? id->text : NULL;
}

static void write_entry(const struct reminder_entry *entry, struct json_out *out)
{
    const struct notification *n = &entry->notification;
    int64_t from = entry->held_until > n->remind_at ? entry->held_until : n->remind_at;

    json_open_object(out, NULL);
    json_text(out, "id", n->id.text);
    json_text(out, "task_id", text_or_null(&n->task_id));
    json_text(out, "reminder_id", text_or_null(&n->reminder_id));
    if (n->generation > 0)
        json_int(out, "generation", n->generation);
    else
        json_null(out, "generation");
    json_text(out, "kind", notification_kind_words[n->kind]);
    json_text(out, "channel", reminder_channel_words[n->channel]);
    json_text(out, "channel_id", text_or_null(&n->channel_id));
    json_text(out, "title", n->title);
    json_time(out, "remind_at", n->remind_at);
    json_text(out, "state", delivery_state_words[entry->state]);
    json_time(out, "held_until", entry->held_until);
    json_time(out, "sent_at", n->sent_at);
    if (n->sent_at != 0)
        json_int(out, "late_ms", n->sent_at > from ? n->sent_at - from : 0);
    else
        json_null(out, "late_ms");
    json_text(out, "reason", n->reason);
    json_raw(out, "attempts", entry->attempts != NULL ? entry->attempts : "[]");
    json_close_object(out);
}

static void write_page(const struct reminder_page *page, struct buf *body)
{
    struct json_out out;

    json_out_init(&out, body);
    json_open_object(&out, NULL);
    json_open_array(&out, "reminders");
    for (size_t i = 0; i < page->n_entries; i++)
        write_entry(&page->entries[i], &out);
    json_close_array(&out);
    json_text(&out, "next_cursor",
              page->has_more ? page->entries[page->n_entries - 1].notification.id.text : NULL);
    json_close_object(&out);
}

static void reply_and_free(struct flow *flow)
{
    struct reminder_list *list = (struct reminder_list *)flow;
    bool ok = !err_is_set(&flow->err);
    char trace_id[33];
    struct buf body;

    flow_trace_id(flow, trace_id);
    buf_init(&body);
    if (ok) {
        write_page(&list->page, &body);
        http_reply_json(list->req, 200, &body);
    } else {
        http_reply_err(list->req, &flow->err, trace_id);
    }
    log_at(&list->app->base.service.log, ok ? LOG_DEBUG : LOG_WARN,
           ok ? "reminders_listed" : "reminders_not_listed", KV("trace_id", (const char *)trace_id),
           KV("flow", flow->plan->name), KV("step", (int)flow_step_number(flow)),
           KV("user_id", (const char *)list->query.owner_id.text),
           KV("reminders", (int)list->page.n_entries),
           KV("err", ok ? (const char *)NULL : (const char *)flow->err.text));
    buf_clear(&body);
    flow_clear(flow);
    mem_free(list);
}

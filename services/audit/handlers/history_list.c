/* services/audit/handlers/history_list.c — GET /internal/history?owner_id=&task_id=&cursor=&limit= —
 * what happened to an owner's tasks and account, newest first. The sidecar has checked who calls
 * (access control over mTLS) and says so in a header, which is checked once more. */
#include "services/audit/handlers/history_list.h"

#include <sodium.h>
#include <string.h>

#include "common/base/flow.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/events/event_types.h"
#include "common/json/json_out.h"
#include "common/net/http_query.h"
#include "services/audit/app.h"
#include "services/audit/store/history_store.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };

static const char CALLER[] = "backend";

struct history_list {
    struct flow flow;         /* first member */
    struct app *app;          /* borrowed */
    struct http_request *req; /* taken; http_reply gives it back */
    struct history_query query;
    struct history_page page;
};
static flow_step_fn check_caller, read_query, list_entries;
static flow_finish_fn reply_and_free;
static chain_done_fn on_entries_listed;
static const struct flow_plan history_list_plan = {
    .name = "history_list",
    .steps = {check_caller, read_query, list_entries},
    .finish = reply_and_free,
};

void history_list_start(void *context, struct http_request *req)
{
    struct history_list *list = MEM_NEW(struct history_list);

    list->app = context;
    list->req = req;
    flow_start(&list->flow, &history_list_plan, http_header(req, "traceparent"));
}

static enum flow_next check_caller(struct flow *flow)
{
    struct history_list *list = (struct history_list *)flow;

    return dapr_check_caller(list->req, CALLER, &flow->err) ? FLOW_NEXT : flow_fail(flow);
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"owner_id", "task_id", "cursor", "limit", NULL};
    struct history_list *list = (struct history_list *)flow;
    struct history_query *query = &list->query;
    int64_t limit = LIMIT_DEFAULT;

    query->before = INT64_MAX;
    if (!http_check_query(list->req, names, &flow->err) ||
        !http_query_uuid(list->req, "owner_id", true, &query->owner_id, &flow->err) ||
        !http_query_uuid(list->req, "task_id", false, &query->task_id, &flow->err) ||
        !http_query_number(list->req, "cursor", 1, INT64_MAX, &query->before, &flow->err) ||
        !http_query_number(list->req, "limit", 1, LIMIT_MAX, &limit, &flow->err))
        return flow_fail(flow);
    query->limit = (int)limit;
    return FLOW_NEXT;
}

static enum flow_next list_entries(struct flow *flow)
{
    struct history_list *list = (struct history_list *)flow;

    history_store_list(list->app->service.pool, &flow->arena, &list->query, &list->page,
                       on_entries_listed, list);
    return FLOW_WAIT;
}

static void on_entries_listed(void *arg, const struct err *err)
{
    struct history_list *list = arg;

    flow_resume(&list->flow, err);
}

/** The subject is a task's id but in what is about the account. */
static bool is_about_task(const struct entry *entry)
{
    return strcmp(entry->topic, TOPIC_USER_EVENTS) != 0 &&
           strcmp(entry->topic, TOPIC_CHAT_EVENTS) != 0 && uuid_is_valid(entry->subject) &&
           strcmp(entry->subject, entry->owner_id.text) != 0;
}

static void write_entry(struct history_list *list, const struct entry *entry, struct json_out *out)
{
    const struct history_page *page = &list->page;

    json_open_object(out, NULL);
    json_text(out, "id", entry->event_id.text);
    json_int(out, "number", entry->number);
    if (entry->seq > 0)
        json_int(out, "seq", entry->seq);
    else
        json_null(out, "seq");
    json_text(out, "topic", entry->topic);
    json_text(out, "type", entry->type);
    json_time(out, "time", entry->occurred_at);
    json_text(out, "task_id", is_about_task(entry) ? entry->subject : NULL);
    json_raw(out, "data", page->has_key ? payload_open(entry, page->key, &list->flow.arena) : NULL);
    json_close_object(out);
}

static void write_page(struct history_list *list, struct buf *body)
{
    const struct history_page *page = &list->page;
    struct json_out out;

    json_out_init(&out, body);
    json_open_object(&out, NULL);
    json_open_array(&out, "entries");
    for (size_t i = 0; i < page->n_entries; i++)
        write_entry(list, &page->entries[i], &out);
    json_close_array(&out);
    json_text(&out, "next_cursor",
              page->has_more && page->n_entries > 0
                  ? arena_format(&list->flow.arena, "%lld",
                                 (long long)page->entries[page->n_entries - 1].number)
                  : NULL);
    json_close_object(&out);
}

static void reply_and_free(struct flow *flow)
{
    struct history_list *list = (struct history_list *)flow;
    bool ok = !err_is_set(&flow->err);
    char trace_id[33];
    struct buf body;

    flow_trace_id(flow, trace_id);
    buf_init(&body);
    if (ok) {
        write_page(list, &body);
        http_reply_json(list->req, 200, &body);
    } else {
        http_reply_err(list->req, &flow->err, trace_id);
    }
    log_at(&list->app->service.log, ok ? LOG_DEBUG : LOG_WARN,
           ok ? "history_listed" : "history_not_listed", KV("trace_id", (const char *)trace_id),
           KV("flow", flow->plan->name), KV("step", (int)flow_step_number(flow)),
           KV("user_id", (const char *)list->query.owner_id.text),
           KV("entries", (int)list->page.n_entries),
           KV("err", ok ? (const char *)NULL : (const char *)flow->err.text));
    buf_clear(&body);
    sodium_memzero(list->page.key, sizeof(list->page.key));
    flow_clear(flow);
    mem_free(list);
}

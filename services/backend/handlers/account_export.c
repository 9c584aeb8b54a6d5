/* GET /account/export — all that backend keeps about the user, as JSON, a page of tasks (with the series
 * that they are of) and notifications at a time. The first page also has the account, the sessions, the
 * personal API tokens, the settings of reminders and the channels, without any secret. What happened is
 * audit's: GET /history. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/domain/account_channels.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/series_body.h"
#include "services/backend/request.h"
#include "services/backend/store/account_whole.h"
#include "services/backend/store/api_token_store.h"
#include "services/backend/store/session_store.h"
#include "services/backend/store/task_list.h"

enum { TASKS_PER_PAGE = 100 };

struct account_export {
    struct request request;
    int64_t since; /* the cursor: the seq of the last task of the page before; 0: the first page */
    struct account account;
    struct session_list sessions;
    struct api_token_list tokens;
    struct task_changes changes;
    struct series_list series; /* of the page's tasks */
};
static flow_step_fn read_query, load_account, load_sessions, load_tokens, load_tasks, load_series;
static flow_finish_fn reply_and_free;
static store_done_fn on_loaded;
static const struct flow_plan account_export_plan = {
    .name = "account_export",
    .steps = {request_authenticate, read_query, load_account, load_sessions, load_tokens,
              load_tasks, load_series},
    .finish = reply_and_free,
};

void account_export_start(void *context, struct http_request *req)
{
    struct account_export *e = MEM_NEW(struct account_export);

    request_start(&e->request, context, req, SCOPE_ACCOUNT_READ | SCOPE_TASKS_READ,
                  &account_export_plan);
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"cursor", NULL};
    struct account_export *e = (struct account_export *)flow;
    char *end = NULL;

    if (!http_check_query(e->request.req, names, &flow->err))
        return flow_fail(flow);
    const char *cursor = http_query(e->request.req, "cursor", &flow->err);

    if (flow->err.code != ERR_NONE)
        return flow_fail(flow);
    if (cursor == NULL)
        return FLOW_NEXT;
    e->since = strtoll(cursor, &end, 10);
    if (cursor[0] >= '1' && cursor[0] <= '9' && *end == '\0' && e->since < INT64_MAX)
        return FLOW_NEXT;
    err_add_field(&flow->err, "cursor", "is not one that an answer gave");
    return flow_fail(flow);
}

static struct store_call call_of(struct account_export *e)
{
    return (struct store_call){e->request.app->service.pool, &e->request.flow.arena, on_loaded, e};
}

static void on_loaded(void *arg, const struct err *err)
{
    struct account_export *e = arg;

    flow_resume(&e->request.flow, err);
}

static enum flow_next load_account(struct flow *flow)
{
    struct account_export *e = (struct account_export *)flow;
    const struct store_call call = call_of(e);

    if (e->since > 0)
        return FLOW_NEXT;
    account_whole_get(&call, &e->request.who.user_id, &e->account);
    return FLOW_WAIT;
}

static enum flow_next load_sessions(struct flow *flow)
{
    struct account_export *e = (struct account_export *)flow;
    const struct store_call call = call_of(e);

    if (e->since > 0)
        return FLOW_NEXT;
    session_store_list(&call, &e->request.who, &e->sessions);
    return FLOW_WAIT;
}

static enum flow_next load_tokens(struct flow *flow)
{
    struct account_export *e = (struct account_export *)flow;
    const struct store_call call = call_of(e);

    if (e->since > 0)
        return FLOW_NEXT;
    api_token_store_list(&call, &e->request.who.user_id, &e->tokens);
    return FLOW_WAIT;
}

/* By seq, trash included: a task that changes meanwhile comes again, none is missed. */
static enum flow_next load_tasks(struct flow *flow)
{
    struct account_export *e = (struct account_export *)flow;
    const struct store_call call = call_of(e);

    task_list_changes(&call, &e->request.who.user_id, e->since, TASKS_PER_PAGE, &e->changes);
    return FLOW_WAIT;
}

/* A series is there as long as a task of it is: with the tasks all come. */
static enum flow_next load_series(struct flow *flow)
{
    struct account_export *e = (struct account_export *)flow;
    const struct task_changes *changes = &e->changes;
    const struct store_call call = call_of(e);
    struct json_texts ids = {ARENA_NEW_ARRAY(&flow->arena, changes->n_changes, const char *), 0};

    for (size_t i = 0; i < changes->n_changes; i++) {
        const struct task_news *news = &changes->changes[i];

        if (news->kind == NEWS_TASK && news->task.series_id.text[0] != '\0')
            ids.items[ids.n_items++] = news->task.series_id.text;
    }
    if (ids.n_items == 0)
        return FLOW_NEXT;
    series_store_list(&call, &e->request.who.user_id, &ids, &e->series);
    return FLOW_WAIT;
}

static void write_series(struct json_out *json, const struct series_list *list)
{
    json_open_array(json, "series");
    for (size_t i = 0; i < list->n_series; i++) {
        json_open_object(json, NULL);
        series_body_write(json, &list->series[i]);
        json_close_object(json);
    }
    json_close_array(json);
}

static void write_tasks(struct json_out *json, const struct task_changes *changes)
{
    json_open_array(json, "tasks");
    for (size_t i = 0; i < changes->n_changes; i++) {
        if (changes->changes[i].kind != NEWS_TASK)
            continue;
        json_open_object(json, NULL);
        json_write_fields(json, task_fields, task_n_fields, &changes->changes[i].task);
        json_close_object(json);
    }
    json_close_array(json);
}

static void write_notifications(struct json_out *json, const struct task_changes *changes)
{
    json_open_array(json, "notifications");
    for (size_t i = 0; i < changes->n_changes; i++) {
        if (changes->changes[i].kind != NEWS_NOTIFICATION)
            continue;
        json_open_object(json, NULL);
        json_write_fields(json, app_notification_fields, app_notification_n_fields,
                          &changes->changes[i].notification);
        json_close_object(json);
    }
    json_close_array(json);
}

static void reply(struct account_export *e)
{
    const struct task_changes *changes = &e->changes;
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    if (e->since == 0) {
        json_open_object(&json, "account");
        json_write_fields(&json, account_fields, account_n_fields, &e->account);
        json_close_object(&json);
        account_write_sessions(&json, e->sessions.sessions, e->sessions.n_sessions);
        account_write_api_tokens(&json, e->tokens.tokens, e->tokens.n_tokens);
        json_open_object(&json, "reminder_settings");
        json_write_fields(&json, reminder_settings_fields, reminder_settings_n_fields,
                          &e->account.settings);
        json_close_object(&json);
        account_write_channels(&json, &e->account);
    }
    write_tasks(&json, changes);
    write_series(&json, &e->series);
    write_notifications(&json, changes);
    json_text(&json, "next_cursor",
              changes->has_more ? arena_format(&e->request.flow.arena, "%" PRId64,
                                               changes->changes[changes->n_changes - 1].seq)
                                : NULL);
    json_close_object(&json);
    http_add_header(e->request.req, "Cache-Control", "no-store");
    request_reply_json(&e->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct account_export *e = (struct account_export *)flow;

    if (flow->err.code == ERR_NONE)
        reply(e);
    request_end(&e->request);
}

/* GET /sync — what changed since a seq: the newest state of each task and of what the app shows, which
 * tasks were purged, and that all notifications were read. */
#include <inttypes.h>

#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "common/net/http_query.h"
#include "services/backend/app.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"
#include "services/backend/store/task_list.h"

enum { SYNC_LIMIT_INITIAL = 200, SYNC_LIMIT_MAX = 500 };
#define SEQ_MAX (INT64_C(1) << 53)

struct task_sync {
    struct request request; /* first member */
    int64_t since, limit;
    bool is_full; /* goes on with a copy that began at 0: older purges concern it not */
    struct task_changes changes;
};
static flow_step_fn read_query, load_changes;
static flow_finish_fn reply_and_free;
static store_done_fn on_changes_loaded;
static const struct flow_plan task_sync_plan = {
    .name = "task_sync",
    .steps = {request_authenticate, read_query, load_changes},
    .finish = reply_and_free,
};

void task_sync_start(void *context, struct http_request *req)
{
    struct task_sync *sync = MEM_NEW(struct task_sync);

    request_start(&sync->request, context, req, SCOPE_TASKS_READ, &task_sync_plan);
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"since", "limit", "full", NULL};
    struct task_sync *sync = (struct task_sync *)flow;
    struct http_request *req = sync->request.req;
    bool ok = http_check_query(req, names, &flow->err);

    sync->since = -1;
    sync->limit = SYNC_LIMIT_INITIAL;
    ok = ok && http_query_number(req, "since", 0, SEQ_MAX, &sync->since, &flow->err);
    ok = ok && http_query_number(req, "limit", 1, SYNC_LIMIT_MAX, &sync->limit, &flow->err);
    ok = ok && task_body_read_flag(&sync->request, "full", &sync->is_full, &flow->err);
    if (ok && sync->since < 0)
        ok = err_add_field(&flow->err, "since",
                           "is required: the seq of the last sync or frame, 0 for everything");
    return ok ? FLOW_NEXT : flow_fail(flow);
}

static enum flow_next load_changes(struct flow *flow)
{
    struct task_sync *sync = (struct task_sync *)flow;
    const struct store_call call = {sync->request.app->service.pool, &flow->arena,
                                    on_changes_loaded, sync};

    task_list_changes(&call, &sync->request.who.user_id, sync->since, (int)sync->limit,
                      &sync->changes);
    return FLOW_WAIT;
}

static void on_changes_loaded(void *arg, const struct err *err)
{
    struct task_sync *sync = arg;

    flow_resume(&sync->request.flow, err);
}

/* Purges that the client may not know of are forgotten, or it knows of changes that never were (a
 * database restored from a backup): it begins anew. */
static bool must_reset(const struct task_sync *sync)
{
    const struct task_changes *changes = &sync->changes;

    return sync->since > changes->owner_seq ||
           (sync->since > 0 && !sync->is_full && sync->since < changes->sync_floor);
}

static void write_change(struct json_out *json, const struct task_news *news)
{
    json_open_object(json, NULL);
    json_int(json, "seq", news->seq);
    switch (news->kind) {
    case NEWS_TASK:
        json_text(json, "type", "task");
        json_open_object(json, "task");
        json_write_fields(json, task_fields, task_n_fields, &news->task);
        json_close_object(json);
        break;
    case NEWS_TASK_PURGED:
        json_text(json, "type", "task_purged");
        json_text(json, "id", news->task.id.text);
        break;
    case NEWS_NOTIFICATION:
        json_text(json, "type", "notification");
        json_open_object(json, "notification");
        json_write_fields(json, app_notification_fields, app_notification_n_fields,
                          &news->notification);
        json_close_object(json);
        break;
    case NEWS_ALL_READ:
        json_text(json, "type", "notification");
        json_null(json, "notification");
        break;
    }
    json_close_object(json);
}

static void reply(struct task_sync *sync)
{
    const struct task_changes *changes = &sync->changes;
    const bool is_reset = must_reset(sync);
    const size_t n_changes = is_reset ? 0 : changes->n_changes;
    const bool has_more = is_reset || changes->has_more;
    const int64_t seq = is_reset   ? 0
                        : has_more ? changes->changes[n_changes - 1].seq
                                   : changes->owner_seq;
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_int(&json, "seq", seq);
    json_open_array(&json, "changes");
    for (size_t i = 0; i < n_changes; i++)
        write_change(&json, &changes->changes[i]);
    json_close_array(&json);
    json_int(&json, "unread", changes->unread);
    json_bool(&json, "more", has_more);
    json_bool(&json, "reset", is_reset);
    json_close_object(&json);
    request_reply_json(&sync->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct task_sync *sync = (struct task_sync *)flow;

    if (!err_is_set(&flow->err))
        reply(sync);
    request_end(&sync->request);
}

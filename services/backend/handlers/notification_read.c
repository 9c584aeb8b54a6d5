/* POST /notifications/{id}/read, POST /notifications/read — one was read, or all of them were. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "services/backend/app.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/store/notification_store.h"

enum { TRIES_MAX = 16 };

struct notification_read {
    struct request request; /* first member */
    bool is_of_all;
    struct uuid id; /* none of all */
    struct notification_found found;
    bool has_changed;
    int64_t unread;
    int n_tries;
};
static flow_step_fn read_target, mark_read;
static flow_finish_fn reply_and_free;
static store_done_fn on_found, on_marked;
static const struct flow_plan notification_read_plan = {
    .name = "notification_read",
    .steps = {request_authenticate, read_target, mark_read},
    .finish = reply_and_free,
};

static void start(struct app *app, struct http_request *req, bool is_of_all)
{
    struct notification_read *r = MEM_NEW(struct notification_read);

    r->is_of_all = is_of_all;
    request_start(&r->request, app, req, SCOPE_TASKS_WRITE, &notification_read_plan);
}

void notification_read_start(void *context, struct http_request *req)
{
    start(context, req, false);
}

void notification_read_all_start(void *context, struct http_request *req)
{
    start(context, req, true);
}

static bool refuse(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "you have no notification with this id");
}

static enum flow_next read_target(struct flow *flow)
{
    struct notification_read *r = (struct notification_read *)flow;

    if (!task_body_check_no_query(&r->request, &flow->err))
        return flow_fail(flow);
    if (r->is_of_all || uuid_read(http_param(r->request.req, "id"), &r->id))
        return FLOW_NEXT;
    refuse(&flow->err);
    return flow_fail(flow);
}

static void find(struct notification_read *r)
{
    const struct store_call call = {r->request.app->service.pool, &r->request.flow.arena, on_found,
                                    r};

    r->n_tries++;
    notification_store_get(&call, &r->request.who.user_id, &r->id, &r->found);
}

static enum flow_next mark_read(struct flow *flow)
{
    find((struct notification_read *)flow);
    return FLOW_WAIT;
}

static void save(struct notification_read *r)
{
    struct flow *flow = &r->request.flow;
    const struct store_call call = {r->request.app->service.pool, &flow->arena, on_marked, r};
    const struct notification_change change = {r->request.who.user_id, flow->traceparent,
                                               clock_now_ms()};

    if (r->is_of_all) {
        notification_store_read_all(&call, &change, r->found.owner_seq, &r->has_changed);
        return;
    }
    r->found.notification.read_at = change.now_ms;
    notification_store_read(&call, &change, &r->found.notification, &r->has_changed, &r->unread);
}

static void on_found(void *arg, const struct err *err)
{
    struct notification_read *r = arg;
    struct err missing = {0};

    r->unread = r->found.unread;
    if (err == NULL && !r->is_of_all && !r->found.is_there) {
        refuse(&missing);
        err = &missing;
    }
    if (err == NULL && (r->is_of_all ? r->found.unread > 0 : r->found.notification.read_at == 0))
        save(r);
    else
        flow_resume(&r->request.flow, err);
}

/* Nothing changed: another request read it meanwhile, or the owner's seq moved on. Look again. */
static void on_marked(void *arg, const struct err *err)
{
    struct notification_read *r = arg;
    struct err busy = {0};

    if (err == NULL && !r->has_changed && r->n_tries < TRIES_MAX) {
        find(r);
        return;
    }
    if (err == NULL && !r->has_changed) {
        err_set_slug(&busy, ERR_UNAVAILABLE, "busy", "the account keeps changing; try again");
        err = &busy;
    }
    if (err == NULL && r->is_of_all)
        r->unread = 0;
    if (err == NULL)
        service_wake_relay(&r->request.app->service);
    flow_resume(&r->request.flow, err);
}

static void reply(struct notification_read *r)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    if (!r->is_of_all) {
        json_open_object(&json, "notification");
        json_write_fields(&json, app_notification_fields, app_notification_n_fields,
                          &r->found.notification);
        json_close_object(&json);
    }
    json_int(&json, "unread", r->unread);
    json_close_object(&json);
    request_reply_json(&r->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct notification_read *r = (struct notification_read *)flow;

    if (!err_is_set(&flow->err))
        reply(r);
    request_end(&r->request);
}

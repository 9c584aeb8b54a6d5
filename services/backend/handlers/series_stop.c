/* POST /series/{id}/stop — nothing comes after its newest occurrence, which becomes a plain task: a
 * change of that one, so that its event tells of it. */
#include <string.h>

#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/series_body.h"
#include "services/backend/handlers/task_apply.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"

enum { TRIES_MAX = 16 };

struct series_stop {
    struct request request; /* first member */
    struct uuid id;
    struct series_state state;
    struct task_apply apply;
    int n_tries;
};
static flow_step_fn read_target, stop_newest, load_result;
static flow_finish_fn reply_and_free;
static store_done_fn on_series_loaded, on_stopped, on_result_loaded;
static const struct flow_plan series_stop_plan = {
    .name = "series_stop",
    .steps = {request_authenticate, read_target, stop_newest, load_result},
    .finish = reply_and_free,
};

void series_stop_start(void *context, struct http_request *req)
{
    struct series_stop *stop = MEM_NEW(struct series_stop);

    request_start(&stop->request, context, req, SCOPE_TASKS_WRITE, &series_stop_plan);
}

static enum flow_next read_target(struct flow *flow)
{
    struct series_stop *stop = (struct series_stop *)flow;
    struct request *request = &stop->request;
    struct task_job *job = &stop->apply.job;
    size_t n_bytes = 0;
    const char *body = http_body(request->req, &n_bytes);

    if (!series_body_read_id(request, &stop->id, &flow->err) ||
        !task_body_check_no_query(request, &flow->err) ||
        !idempotency_init(&job->key, http_header(request->req, "Idempotency-Key"),
                          http_path(request->req), body, n_bytes, &flow->err))
        return flow_fail(flow);
    job->op = TASK_STOP;
    job->owner_id = request->who.user_id;
    job->traceparent = flow->traceparent;
    return FLOW_NEXT;
}

static void load_series(struct series_stop *stop, store_done_fn *done)
{
    const struct store_call call = {stop->request.app->service.pool, &stop->request.flow.arena,
                                    done, stop};

    series_store_get(&call, &stop->request.who.user_id, &stop->id, &stop->state);
}

static enum flow_next stop_newest(struct flow *flow)
{
    load_series((struct series_stop *)flow, on_series_loaded);
    return FLOW_WAIT;
}

static void on_series_loaded(void *arg, const struct err *err)
{
    struct series_stop *stop = arg;
    struct flow *flow = &stop->request.flow;
    struct task_apply *apply = &stop->apply;
    struct err failed = {0};

    if (err == NULL && !series_is_there(&stop->state.series)) {
        err_set(&failed, ERR_NOT_FOUND, "you have no series with this id");
        err = &failed;
    }
    if (err != NULL || !stop->state.has_newest) { /* with its newest task it ended */
        flow_resume(flow, err);
        return;
    }
    apply->app = stop->request.app;
    apply->arena = &flow->arena;
    apply->job.id = stop->state.newest.id;
    apply->done = on_stopped;
    apply->arg = stop;
    if (!task_apply_start(apply, &failed))
        flow_resume(flow, &failed);
}

/* When the next occurrence came meanwhile, or the newest was purged, the series is looked at again. */
static void on_stopped(void *arg, const struct err *err)
{
    struct series_stop *stop = arg;
    const bool is_other =
        err != NULL && (err->code == ERR_NOT_FOUND ||
                        (err->slug != NULL && strcmp(err->slug, "not_newest_occurrence") == 0));

    if (is_other && ++stop->n_tries < TRIES_MAX)
        load_series(stop, on_series_loaded);
    else
        flow_resume(&stop->request.flow, err);
}

static enum flow_next load_result(struct flow *flow)
{
    load_series((struct series_stop *)flow, on_result_loaded);
    return FLOW_WAIT;
}

static void on_result_loaded(void *arg, const struct err *err)
{
    struct series_stop *stop = arg;
    struct err gone = {0};

    if (err == NULL && !series_is_there(&stop->state.series)) {
        err_set(&gone, ERR_NOT_FOUND, "you have no series with this id");
        err = &gone;
    }
    flow_resume(&stop->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct series_stop *stop = (struct series_stop *)flow;

    if (!err_is_set(&flow->err)) {
        if (stop->apply.reply.is_replayed)
            http_add_header(stop->request.req, "Idempotency-Replayed", "true");
        series_body_reply(&stop->request, &stop->state);
    }
    request_end(&stop->request);
}

/* POST /tasks, PATCH and DELETE /tasks/{id}, POST /tasks/{id}/complete,
 * POST /tasks/{id}/reminders/{reminder_id}/snooze … — one change of one task,
 * unless someone changed it first (If-Match), and once however often it is sent (Idempotency-Key). */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/etag.h"
#include "services/backend/handlers/snooze_body.h"
#include "services/backend/handlers/task_apply.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"

struct task_command {
    struct request request; /* first member */
    struct task_patch patch;
    struct task_snooze snooze;
    struct task_apply apply;
};
static flow_step_fn read_target, read_body, read_headers, apply_job;
static flow_finish_fn reply_and_free;
static store_done_fn on_applied;
static const struct flow_plan task_command_plan = {
    .name = "task_command",
    .steps = {request_authenticate, read_target, read_body, read_headers, apply_job},
    .finish = reply_and_free,
};

static void start(struct app *app, struct http_request *req, enum task_op op)
{
    struct task_command *command = MEM_NEW(struct task_command);

    command->apply.job.op = op;
    request_start(&command->request, app, req, SCOPE_TASKS_WRITE, &task_command_plan);
}

void task_create_start(void *context, struct http_request *req)
{
    start(context, req, TASK_CREATE);
}

void task_update_start(void *context, struct http_request *req)
{
    start(context, req, TASK_UPDATE);
}

void task_complete_start(void *context, struct http_request *req)
{
    start(context, req, TASK_COMPLETE);
}

void task_reopen_start(void *context, struct http_request *req)
{
    start(context, req, TASK_REOPEN);
}

void task_skip_start(void *context, struct http_request *req)
{
    start(context, req, TASK_SKIP);
}

void task_snooze_start(void *context, struct http_request *req)
{
    start(context, req, TASK_SNOOZE);
}

void task_delete_start(void *context, struct http_request *req)
{
    start(context, req, TASK_DELETE);
}

void task_restore_start(void *context, struct http_request *req)
{
    start(context, req, TASK_RESTORE);
}

/* Which task; whether a DELETE is from the trash; what of a series a PATCH is meant for. */
static enum flow_next read_target(struct flow *flow)
{
    static const char *const none[] = {NULL}, *const purge_alone[] = {"purge", NULL},
                             *const scope_alone[] = {"scope", NULL};
    struct task_command *command = (struct task_command *)flow;
    struct request *request = &command->request;
    struct task_job *job = &command->apply.job;
    bool is_purge = false;

    job->owner_id = request->who.user_id;
    job->time_zone = request->who.time_zone;
    if (request->who.default_reminder[0] != '\0')
        job->default_reminder = request->who.default_reminder;
    if (job->op != TASK_CREATE && !task_body_read_id(request, &job->id, &flow->err))
        return flow_fail(flow);
    if (!http_check_query(request->req,
                          job->op == TASK_DELETE   ? purge_alone
                          : job->op == TASK_UPDATE ? scope_alone
                                                   : none,
                          &flow->err))
        return flow_fail(flow);
    if (job->op == TASK_UPDATE && !task_body_read_scope(request, &command->patch, &flow->err))
        return flow_fail(flow);
    if (job->op == TASK_DELETE && !task_body_read_flag(request, "purge", &is_purge, &flow->err))
        return flow_fail(flow);
    if (is_purge)
        job->op = TASK_PURGE;
    return FLOW_NEXT;
}

static enum flow_next read_body(struct flow *flow)
{
    struct task_command *command = (struct task_command *)flow;
    struct request *request = &command->request;
    struct task_patch *patch = &command->patch;
    struct task_job *job = &command->apply.job;

    if (job->op == TASK_SNOOZE) {
        job->snooze = &command->snooze;
        return snooze_body_read(request, &command->snooze) ? FLOW_NEXT : flow_fail(flow);
    }
    if (job->op != TASK_CREATE && job->op != TASK_UPDATE)
        return FLOW_NEXT;
    if (!request_read_json(request,
                           job->op == TASK_CREATE ? &task_new_reading : &task_patch_reading,
                           &patch->task, &patch->present) ||
        !task_body_check_patch(patch, &flow->arena, &flow->err))
        return flow_fail(flow);
    job->patch = patch;
    return FLOW_NEXT;
}

static enum flow_next read_headers(struct flow *flow)
{
    struct task_command *command = (struct task_command *)flow;
    struct task_job *job = &command->apply.job;
    struct http_request *req = command->request.req;
    size_t n_bytes = 0;
    const char *body = http_body(req, &n_bytes);

    job->traceparent = flow->traceparent;
    if (job->op != TASK_CREATE)
        job->if_match = http_header(req, "If-Match");
    if (job->if_match != NULL && etag_compare(job->if_match, 0, true) == ETAG_MALFORMED) {
        err_add_field(&flow->err, "If-Match", "must be * or entity tags like \"3\"");
        return flow_fail(flow);
    }
    if (!idempotency_init(
            &job->key, http_header(req, "Idempotency-Key"),
            arena_format(&flow->arena, "%s %s", task_op_words[job->op], http_path(req)), body,
            n_bytes, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next apply_job(struct flow *flow)
{
    struct task_command *command = (struct task_command *)flow;
    struct task_apply *apply = &command->apply;

    apply->app = command->request.app;
    apply->arena = &flow->arena;
    apply->done = on_applied;
    apply->arg = command;
    return task_apply_start(apply, &flow->err) ? FLOW_WAIT : flow_fail(flow);
}

static void on_applied(void *arg, const struct err *err)
{
    struct task_command *command = arg;

    flow_resume(&command->request.flow, err);
}

static void reply(struct task_command *command)
{
    const struct task_reply *what = &command->apply.reply;
    struct request *request = &command->request;
    struct buf body;

    if (what->is_replayed)
        http_add_header(request->req, "Idempotency-Replayed", "true");
    if (what->status == 201)
        http_add_header(request->req, "Location",
                        arena_format(&request->flow.arena, "/api/v1/tasks/%s", what->id.text));
    if (what->body == NULL) {
        request_reply_empty(request, what->status);
        return;
    }
    task_body_add_etag(request, what->version);
    buf_init(&body);
    buf_add_text(&body, what->body);
    request_reply_json(request, what->status, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct task_command *command = (struct task_command *)flow;

    if (!err_is_set(&flow->err))
        reply(command);
    request_end(&command->request);
}

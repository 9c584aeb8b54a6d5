/* POST /tasks/batch — up to 100 jobs, one after the other, each with a result of its own.
 *
 * With an Idempotency-Key each job keeps its own reply under the key and its place, in the statement
 * of its change; so a batch that is sent again after it broke off goes on where it stopped. */
#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "common/net/problem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/task_apply.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"
#include "services/backend/store/idempotency_store.h"

enum { OPERATIONS_MAX = 100, BATCH_LIMIT_MS = 20000 };

/* The words of enum task_op that a batch may use. */
static const char *const op_words[] = {"create", "update",  "complete", "reopen",
                                       "delete", "restore", "skip",     NULL};
_Static_assert(TASK_CREATE == 0 && TASK_SKIP == 6, "op_words is in the order of enum task_op");

struct operation {
    int op;
    struct uuid id;   /* "": absent */
    int64_t version;  /* 0: absent */
    const char *task; /* JSON; NULL: absent */
    int scope;        /* -1: absent */
};
static const struct json_field operation_fields[] = {
    JSON_ENUM(struct operation, op, "op", JSON_REQUIRED, op_words),
    JSON_UUID(struct operation, id, "id", JSON_OPTIONAL),
    JSON_INT(struct operation, version, "version", JSON_OPTIONAL, 1, INT64_C(1) << 53),
    JSON_RAW(struct operation, task, "task", JSON_OPTIONAL),
    JSON_ENUM(struct operation, scope, "scope", JSON_OPTIONAL, task_scope_words),
};
enum { N_OPERATION_FIELDS = sizeof(operation_fields) / sizeof(operation_fields[0]) };

struct task_batch {
    struct request request; /* first member */
    struct json_texts operations;
    struct idempotency key;
    struct idempotency_reply kept; /* of the batch as a whole: that it was here */
    size_t n_done, n_replayed;
    int64_t began_ms;
    bool is_broken; /* the database is away: the rest is not tried */
    struct buf results;
    struct json_out json;
    /* of the operation that runs */
    struct arena arena;
    struct task_patch patch;
    struct task_apply apply;
};
static const struct json_field batch_fields[] = {
    JSON_RAWS(struct task_batch, operations, "operations", JSON_REQUIRED, OPERATIONS_MAX),
};
static const struct json_reading batch_reading = {.fields = batch_fields, .n_fields = 1};
static flow_step_fn read_operations, claim_key, run_operations;
static flow_finish_fn reply_and_free;
static store_done_fn on_key_claimed, on_applied;
static const struct flow_plan task_batch_plan = {
    .name = "task_batch",
    .steps = {request_authenticate, read_operations, claim_key, run_operations},
    .finish = reply_and_free,
};

void task_batch_start(void *context, struct http_request *req)
{
    struct task_batch *batch = MEM_NEW(struct task_batch);

    arena_init(&batch->arena);
    buf_init(&batch->results);
    request_start(&batch->request, context, req, SCOPE_TASKS_WRITE, &task_batch_plan);
}

static enum flow_next read_operations(struct flow *flow)
{
    struct task_batch *batch = (struct task_batch *)flow;
    struct http_request *req = batch->request.req;
    size_t n_bytes = 0;
    const char *body = http_body(req, &n_bytes);

    if (!task_body_check_no_query(&batch->request, &flow->err) ||
        !request_read_json(&batch->request, &batch_reading, batch, NULL) ||
        !idempotency_init(&batch->key, http_header(req, "Idempotency-Key"), http_path(req), body,
                          n_bytes, &flow->err))
        return flow_fail(flow);
    if (batch->operations.n_items == 0) {
        err_add_field(&flow->err, "operations", "has no item; at least 1");
        return flow_fail(flow);
    }
    batch->began_ms = clock_monotonic_ms();
    json_out_init(&batch->json, &batch->results);
    json_open_object(&batch->json, NULL);
    json_open_array(&batch->json, "results");
    return FLOW_NEXT;
}

/* Mark the key as that of this batch, so that no other request can take it. */
static enum flow_next claim_key(struct flow *flow)
{
    struct task_batch *batch = (struct task_batch *)flow;
    const struct store_call call = {batch->request.app->service.pool, &flow->arena, on_key_claimed,
                                    batch};

    if (batch->key.key == NULL)
        return FLOW_NEXT;
    batch->kept.status = 200;
    idempotency_keep(&call, &batch->request.who.user_id, &batch->key, clock_now_ms(), &batch->kept);
    return FLOW_WAIT;
}

static void on_key_claimed(void *arg, const struct err *err)
{
    struct task_batch *batch = arg;
    struct err reused = {0};

    if (err == NULL && batch->kept.is_there &&
        !idempotency_check_reply(&batch->key, &batch->kept, &reused))
        err = &reused;
    flow_resume(&batch->request.flow, err);
}

/* Hold the members that came with an operation against what it needs. */
static bool check_members(const struct operation *operation, const char *path, struct arena *arena,
                          struct err *err)
{
    const bool is_create = operation->op == TASK_CREATE;
    const bool needs_task = is_create || operation->op == TASK_UPDATE;
    const struct {
        const char *name;
        bool is_there, is_needed, is_allowed;
    } members[] = {
        {"id", operation->id.text[0] != '\0', !is_create, !is_create},
        {"task", operation->task != NULL, needs_task, needs_task},
        {"version", operation->version != 0, false, !is_create},
        {"scope", operation->scope >= 0, false, operation->op == TASK_UPDATE},
    };
    bool ok = true;

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *name = arena_format(arena, "%s%s", path, members[i].name);

        if (members[i].is_needed && !members[i].is_there)
            ok = err_add_field(err, name, "is required for %s", op_words[operation->op]);
        else if (!members[i].is_allowed && members[i].is_there)
            ok = err_add_field(err, name, "is not for %s", op_words[operation->op]);
    }
    return ok;
}

static bool read_patch(struct task_batch *batch, const struct operation *operation,
                       const char *scope_path, struct err *err)
{
    struct task_job *job = &batch->apply.job;
    const char *path = arena_format(&batch->arena, "%stask.", scope_path);
    const char *text = operation->task;
    struct json_reading reading = job->op == TASK_CREATE ? task_new_reading : task_patch_reading;

    reading.path = path;
    reading.present = &batch->patch.present;
    batch->patch = (struct task_patch){
        .path = path, .scope = (enum task_scope)(operation->scope + 1), .scope_path = scope_path};
    if (!json_read(text, strlen(text), &reading, &batch->arena, &batch->patch.task, err))
        return false;
    job->patch = &batch->patch;
    return task_body_check_patch(&batch->patch, &batch->arena, err);
}

/* Read one operation into batch->apply.job. */
static bool read_operation(struct task_batch *batch, const char *text, struct err *err)
{
    struct arena *arena = &batch->arena;
    const char *path = arena_format(arena, "operations[%zu].", batch->n_done);
    const struct json_reading reading = {
        .fields = operation_fields, .n_fields = N_OPERATION_FIELDS, .path = path};
    const struct principal *who = &batch->request.who;
    struct operation operation = {.op = -1, .scope = -1};
    struct task_job *job = &batch->apply.job;

    if (!json_read(text, strlen(text), &reading, arena, &operation, err) ||
        !check_members(&operation, path, arena, err))
        return false;
    *job = (struct task_job){
        .op = (enum task_op)operation.op,
        .owner_id = who->user_id,
        .id = operation.id,
        .time_zone = who->time_zone,
        .default_reminder = who->default_reminder[0] == '\0' ? NULL : who->default_reminder,
        .key = batch->key,
        .traceparent = batch->request.flow.traceparent,
    };
    job->key.item = (int)batch->n_done + 1;
    if (operation.version != 0)
        job->if_match = arena_format(arena, "\"%" PRId64 "\"", operation.version);
    return operation.task == NULL || read_patch(batch, &operation, path, err);
}

static void write_failure(struct task_batch *batch, const struct err *err)
{
    const int status = err_http_status(err->code);
    struct buf problem;

    buf_init(&problem);
    problem_write(err, status, NULL, &problem);
    json_open_object(&batch->json, NULL);
    json_int(&batch->json, "status", status);
    json_raw(&batch->json, "error", buf_text(&problem));
    json_close_object(&batch->json);
    buf_clear(&problem);
}

static void write_success(struct task_batch *batch)
{
    const struct task_reply *reply = &batch->apply.reply;

    json_open_object(&batch->json, NULL);
    json_int(&batch->json, "status", reply->status);
    json_raw(&batch->json, "task", reply->body);
    json_close_object(&batch->json);
}

/* Begin the next operation; return false with its result written when it failed at once. */
static bool begin_next(struct task_batch *batch)
{
    struct task_apply *apply = &batch->apply;
    struct err err = {0};

    arena_clear(&batch->arena);
    *apply = (struct task_apply){
        .app = batch->request.app, .arena = &batch->arena, .done = on_applied, .arg = batch};
    if (batch->is_broken || clock_monotonic_ms() - batch->began_ms > BATCH_LIMIT_MS)
        err_set(&err, ERR_UNAVAILABLE, "was not tried: the batch took too long or broke off");
    else if (read_operation(batch, batch->operations.items[batch->n_done], &err) &&
             task_apply_start(apply, &err))
        return true;
    write_failure(batch, &err);
    return false;
}

/* Return whether an operation is under way, else all are done. */
static bool run_on(struct task_batch *batch)
{
    for (; batch->n_done < batch->operations.n_items; batch->n_done++)
        if (begin_next(batch))
            return true;
    return false;
}

static enum flow_next run_operations(struct flow *flow)
{
    return run_on((struct task_batch *)flow) ? FLOW_WAIT : FLOW_NEXT;
}

static void on_applied(void *arg, const struct err *err)
{
    struct task_batch *batch = arg;

    if (err != NULL) {
        struct err shown = *err;

        request_hide_inner(&shown);
        write_failure(batch, &shown);
        batch->is_broken = err_is_transient(err);
    } else {
        write_success(batch);
        batch->n_replayed += batch->apply.reply.is_replayed;
    }
    batch->n_done++;
    if (!run_on(batch))
        flow_resume(&batch->request.flow, NULL);
}

static void reply_and_free(struct flow *flow)
{
    struct task_batch *batch = (struct task_batch *)flow;

    if (!err_is_set(&flow->err)) {
        json_close_array(&batch->json);
        json_close_object(&batch->json);
        if (batch->n_replayed > 0)
            http_add_header(batch->request.req, "Idempotency-Replayed", "true");
        request_reply_json(&batch->request, 200, &batch->results);
    }
    buf_clear(&batch->results);
    arena_clear(&batch->arena);
    request_end(&batch->request);
}

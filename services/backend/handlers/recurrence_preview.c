/* POST /recurrence/preview — what a rule comes to, before anything recurs by it: asked of recurring-task
 * through the sidecar, which expands rules. */
#include <string.h>

#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/json/json_field.h"
#include "common/recurrence/rule.h"
#include "services/backend/app.h"
#include "services/backend/domain/task_input.h"
#include "services/backend/domain/time_zone.h"
#include "services/backend/handlers/task_body.h"
#include "services/backend/handlers/task_handlers.h"

enum { COUNT_INITIAL = 10, COUNT_MAX = 50, WORDS_MAX = 2000, ASK_LIMIT_MS = 5000, ERRORS_MAX = 64 };

/* What a client asks, and we of recurring-task. */
struct preview_order {
    const char *recurrence;
    int anchor;
    int64_t due_at;
    const char *time_zone;
    int64_t count;
};
static const struct json_field order_fields[] = {
    JSON_TEXT(struct preview_order, recurrence, "recurrence", JSON_REQUIRED | JSON_ONE_LINE, 1,
              TASK_RECURRENCE_MAX),
    JSON_ENUM(struct preview_order, anchor, "anchor", JSON_NULLABLE, task_anchor_words),
    JSON_TIME(struct preview_order, due_at, "due_at", JSON_REQUIRED),
    JSON_TEXT(struct preview_order, time_zone, "time_zone", JSON_NULLABLE | JSON_ONE_LINE, 1,
              TASK_ZONE_MAX),
    JSON_INT(struct preview_order, count, "count", JSON_OPTIONAL, 1, COUNT_MAX),
};
static const struct json_reading order_reading = {.fields = order_fields, .n_fields = 5};
static const struct json_field question_fields[] = {
    JSON_TEXT(struct preview_order, recurrence, "rule", JSON_REQUIRED, 1, TASK_RECURRENCE_MAX),
    JSON_ENUM(struct preview_order, anchor, "anchor", JSON_NULLABLE, task_anchor_words),
    JSON_TIME(struct preview_order, due_at, "due_at", JSON_REQUIRED),
    JSON_TEXT(struct preview_order, time_zone, "time_zone", JSON_REQUIRED, 1, TASK_ZONE_MAX),
    JSON_INT(struct preview_order, count, "count", JSON_REQUIRED, 1, COUNT_MAX),
};

/* What recurring-task answers, and we do in turn. */
struct preview_answer {
    const char *rule, *words;
    struct json_texts instants;
    bool is_ended;
};
static const struct json_field answer_fields[] = {
    JSON_TEXT(struct preview_answer, rule, "rule", JSON_REQUIRED, 1, TASK_RECURRENCE_MAX),
    JSON_TEXT(struct preview_answer, words, "words", JSON_REQUIRED, 1, WORDS_MAX),
    JSON_RAWS(struct preview_answer, instants, "instants", JSON_REQUIRED, COUNT_MAX),
    JSON_BOOL(struct preview_answer, is_ended, "ended", JSON_REQUIRED),
};
static const struct json_reading answer_reading = {
    .fields = answer_fields, .n_fields = 4, .unknown = JSON_IGNORE_UNKNOWN};

/* Its refusal: problem+json. */
struct problem {
    struct json_texts errors;
};
static const struct json_field problem_fields[] = {
    JSON_RAWS(struct problem, errors, "errors", JSON_OPTIONAL, ERRORS_MAX),
};
static const struct json_reading problem_reading = {
    .fields = problem_fields, .n_fields = 1, .unknown = JSON_IGNORE_UNKNOWN};
struct problem_error {
    const char *field, *message;
};
static const struct json_field problem_error_fields[] = {
    JSON_TEXT(struct problem_error, field, "field", JSON_REQUIRED, 1, ERR_FIELD_MAX),
    JSON_TEXT(struct problem_error, message, "message", JSON_REQUIRED, 1, ERR_TEXT_MAX),
};
static const struct json_reading problem_error_reading = {
    .fields = problem_error_fields, .n_fields = 2, .unknown = JSON_IGNORE_UNKNOWN};

struct recurrence_preview {
    struct request request; /* first member */
    struct preview_order order;
    struct preview_answer answer;
};
static flow_step_fn read_order, ask_recurring_task;
static flow_finish_fn reply_and_free;
static http_answered_fn on_answered;
static const struct flow_plan recurrence_preview_plan = {
    .name = "recurrence_preview",
    .steps = {request_authenticate, read_order, ask_recurring_task},
    .finish = reply_and_free,
};

void recurrence_preview_start(void *context, struct http_request *req)
{
    struct recurrence_preview *preview = MEM_NEW(struct recurrence_preview);

    request_start(&preview->request, context, req, SCOPE_TASKS_READ, &recurrence_preview_plan);
}

static enum flow_next read_order(struct flow *flow)
{
    struct recurrence_preview *preview = (struct recurrence_preview *)flow;
    struct preview_order *order = &preview->order;
    struct rule rule;
    bool ok;

    *order = (struct preview_order){.anchor = -1, .count = COUNT_INITIAL};
    if (!task_body_check_no_query(&preview->request, &flow->err) ||
        !request_read_json(&preview->request, &order_reading, order, NULL))
        return flow_fail(flow);
    ok = rule_read(order->recurrence, "recurrence", &rule, &flow->err);
    if (order->time_zone == NULL)
        order->time_zone = preview->request.who.time_zone;
    if (!time_zone_is_known(order->time_zone))
        ok = err_add_field(&flow->err, "time_zone",
                           "is not a time zone of the IANA database, like Europe/Berlin");
    if (order->due_at < TASK_TIME_MIN || order->due_at >= TASK_TIME_END)
        ok = err_add_field(&flow->err, "due_at", "is outside the years %d to %d", TASK_YEAR_MIN,
                           TASK_YEAR_MAX);
    return ok ? FLOW_NEXT : flow_fail(flow);
}

static enum flow_next ask_recurring_task(struct flow *flow)
{
    struct recurrence_preview *preview = (struct recurrence_preview *)flow;
    struct buf body;

    buf_init(&body);
    json_write_object(&body, question_fields, sizeof question_fields / sizeof question_fields[0],
                      &preview->order);
    dapr_invoke_post(preview->request.app->service.dapr,
                     &(struct dapr_invocation){.app_id = "recurring-task",
                                               .path = "/internal/preview",
                                               .body_json = buf_text(&body),
                                               .traceparent = flow->traceparent,
                                               .limit_ms = ASK_LIMIT_MS},
                     on_answered, preview);
    buf_clear(&body);
    return FLOW_WAIT;
}

/* What it finds wrong with a field the client sent too. */
static bool pass_errors_on(const struct http_answer *answer, struct arena *arena, struct err *err)
{
    struct problem problem = {0};
    struct err other = {0};

    if (!json_read(answer->body, answer->n_bytes, &problem_reading, arena, &problem, &other))
        return err_set(err, ERR_INTERNAL, "recurring-task refused without a reason");
    for (size_t i = 0; i < problem.errors.n_items; i++) {
        struct problem_error one = {0};
        const char *text = problem.errors.items[i];

        if (json_read(text, strlen(text), &problem_error_reading, arena, &one, &other))
            err_add_field(err, one.field, "%s", one.message);
    }
    if (!err_is_set(err))
        return err_set(err, ERR_INTERNAL, "recurring-task refused without a reason");
    return false;
}

static bool take_answer(struct recurrence_preview *preview, const struct http_answer *answer,
                        struct err *err)
{
    struct arena *arena = &preview->request.flow.arena;

    if (answer->status == 400)
        return pass_errors_on(answer, arena, err);
    if (answer->status != 200)
        return err_set(err, ERR_UNAVAILABLE, "recurring-task answered %d", answer->status);
    if (!json_read(answer->body, answer->n_bytes, &answer_reading, arena, &preview->answer, err))
        return err_set(err, ERR_INTERNAL, "recurring-task answered something else than a preview");
    return true;
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct recurrence_preview *preview = arg;
    struct err refusal = {0};

    if (err != NULL)
        err_set(&refusal, ERR_UNAVAILABLE, "recurring-task is away: %s", err->text);
    else if (take_answer(preview, answer, &refusal)) {
        flow_resume(&preview->request.flow, NULL);
        return;
    }
    flow_resume(&preview->request.flow, &refusal);
}

static void reply(struct recurrence_preview *preview)
{
    struct buf body;

    buf_init(&body);
    json_write_object(&body, answer_fields, sizeof answer_fields / sizeof answer_fields[0],
                      &preview->answer);
    request_reply_json(&preview->request, 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct recurrence_preview *preview = (struct recurrence_preview *)flow;

    if (!err_is_set(&flow->err))
        reply(preview);
    request_end(&preview->request);
}

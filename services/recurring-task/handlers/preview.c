/* POST /internal/preview {"rule", "anchor", "due_at", "time_zone", "count"} — the rule's normal form,
 * what it says in words, and its first instants, with why one is moved. Of anchor `completion` those
 * that come if each occurrence is completed when it is due. The sidecar has checked who calls and says
 * so in a header, which is checked once more; backend passes errors on, so they name its fields. */
#include "services/recurring-task/handlers/preview.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/flow.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/events/task.h"
#include "common/json/json_out.h"
#include "services/recurring-task/app.h"
#include "services/recurring-task/domain/next.h"
#include "services/recurring-task/domain/words.h"

enum { COUNT_DEFAULT = 10, COUNT_MAX = 50, YEAR_MAX = 2299 };

static const char CALLER[] = "backend";

struct preview_input {
    const char *rule, *time_zone;
    int anchor;
    int64_t due_at, count;
};

static const struct json_field input_fields[] = {
    JSON_TEXT(struct preview_input, rule, "rule", JSON_REQUIRED | JSON_ONE_LINE, 1, RULE_TEXT_MAX),
    JSON_ENUM(struct preview_input, anchor, "anchor", JSON_NULLABLE, task_anchor_words),
    JSON_TIME(struct preview_input, due_at, "due_at", JSON_REQUIRED),
    JSON_TEXT(struct preview_input, time_zone, "time_zone", JSON_REQUIRED | JSON_ONE_LINE, 1,
              TASK_ZONE_MAX),
    JSON_INT(struct preview_input, count, "count", JSON_OPTIONAL, 1, COUNT_MAX),
};

struct preview {
    struct flow flow;         /* first member */
    struct app *app;          /* borrowed */
    struct http_request *req; /* taken; http_reply gives it back */
    struct preview_input input;
    struct rule rule;
    const struct zone *zone;
    struct local_time start;
    struct buf reply;
};
static flow_step_fn check_caller, read_input, read_rule, write_preview;
static flow_finish_fn reply_and_free;
static const struct flow_plan preview_plan = {
    .name = "preview",
    .steps = {check_caller, read_input, read_rule, write_preview},
    .finish = reply_and_free,
};

void preview_start(void *context, struct http_request *req)
{
    struct preview *preview = MEM_NEW(struct preview);

    preview->app = context;
    preview->req = req;
    buf_init(&preview->reply);
    flow_start(&preview->flow, &preview_plan, http_header(req, "traceparent"));
}

static enum flow_next check_caller(struct flow *flow)
{
    struct preview *preview = (struct preview *)flow;

    return dapr_check_caller(preview->req, CALLER, &flow->err) ? FLOW_NEXT : flow_fail(flow);
}

/* The client wrote the rule as `recurrence`. */
static void name_fields_as_client(struct err *err)
{
    struct err named = {0};

    if (err->n_fields == 0)
        return;
    for (size_t i = 0; i < err->n_fields; i++)
        err_add_field(
            &named, strcmp(err->fields[i].field, "rule") == 0 ? "recurrence" : err->fields[i].field,
            "%s", err->fields[i].text);
    *err = named;
}

static enum flow_next read_input(struct flow *flow)
{
    const struct json_reading reading = {
        .fields = input_fields,
        .n_fields = sizeof input_fields / sizeof input_fields[0],
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer backend adds */
    };
    struct preview *preview = (struct preview *)flow;
    size_t n_bytes;
    const char *body = http_body(preview->req, &n_bytes);

    preview->input = (struct preview_input){.anchor = TASK_ANCHOR_NONE, .count = COUNT_DEFAULT};
    if (json_read(body, n_bytes, &reading, &flow->arena, &preview->input, &flow->err))
        return FLOW_NEXT;
    name_fields_as_client(&flow->err);
    return flow_fail(flow);
}

static enum flow_next read_rule(struct flow *flow)
{
    struct preview *preview = (struct preview *)flow;
    const struct preview_input *input = &preview->input;
    struct err err = {0};

    preview->zone = zone_cache_get(preview->app->zones, input->time_zone, clock_now_ms(), &err);
    if (preview->zone == NULL && err.code != ERR_INVALID) {
        flow->err = err;
        return flow_fail(flow);
    }
    if (preview->zone == NULL)
        err_add_field(&flow->err, "time_zone", "%s", err.text);
    else
        preview->start = zone_local(preview->zone, input->due_at);
    if (preview->zone != NULL && preview->start.year > YEAR_MAX)
        err_add_field(&flow->err, "due_at", "must be before the year %d", YEAR_MAX + 1);
    if (!rule_read(input->rule, "recurrence", &preview->rule, &flow->err) || err_is_set(&flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

/* How the rule gave the instant, and the start that it was counted from. */
static void write_instant(struct json_out *json, const struct preview *preview,
                          const struct expanded *how, const struct local_time *start)
{
    const struct local_time shown = zone_local(preview->zone, how->at);
    char local[LOCAL_TIME_SIZE];
    struct buf why;

    buf_init(&why);
    local_time_write(&shown, local);
    json_open_object(json, NULL);
    json_time(json, "at", how->at);
    json_text(json, "local", local);
    if (words_of_move(how, start, preview->input.time_zone, preview->zone, &why))
        json_text(json, "moved", buf_text(&why));
    else
        json_null(json, "moved");
    json_close_object(json);
    buf_clear(&why);
}

/* Return whether the rule gives no more. */
static bool write_expanded(struct json_out *json, const struct preview *preview)
{
    struct expansion *expansion = expansion_new(&preview->rule, &preview->start, preview->zone);
    struct expanded next;
    bool has_next = expansion_next(expansion, &next);

    for (int64_t i = 0; i < preview->input.count && has_next; i++) {
        write_instant(json, preview, &next, &preview->start);
        has_next = expansion_next(expansion, &next);
    }
    expansion_free(expansion);
    return !has_next;
}

static bool write_completed(struct json_out *json, const struct preview *preview)
{
    const struct series_rule series = {
        .rule = preview->rule,
        .anchor = TASK_ANCHOR_COMPLETION,
        .missed = TASK_MISSED_COLLAPSE,
        .zone = preview->zone,
        .start = preview->start,
        .from = 1,
    };
    struct next next = {.kind = NEXT_MAKE, .start = preview->start};

    next.how.local = preview->start;
    next.due_at = next.how.at = zone_instant(preview->zone, &preview->start, &next.how.fit);
    for (int64_t i = 1; i <= preview->input.count && next.kind == NEXT_MAKE; i++) {
        const struct series_newest newest = {i, next.due_at, next.due_at};

        write_instant(json, preview, &next.how, &next.start);
        next = next_decide(&series, &newest, next.due_at);
    }
    return next.kind != NEXT_MAKE;
}

static enum flow_next write_preview(struct flow *flow)
{
    struct preview *preview = (struct preview *)flow;
    struct json_out json;
    struct buf text;
    bool is_ended;

    buf_init(&text);
    json_out_init(&json, &preview->reply);
    json_open_object(&json, NULL);
    rule_write(&preview->rule, &text);
    json_text(&json, "rule", buf_text(&text));
    buf_reset(&text);
    words_of_rule(&preview->rule, &preview->start, preview->input.time_zone, &text);
    json_text(&json, "words", buf_text(&text));
    json_open_array(&json, "instants");
    if (preview->input.anchor == TASK_ANCHOR_COMPLETION)
        is_ended = write_completed(&json, preview);
    else
        is_ended = write_expanded(&json, preview);
    json_close_array(&json);
    json_bool(&json, "ended", is_ended);
    json_close_object(&json);
    buf_clear(&text);
    return FLOW_NEXT;
}

static void reply_and_free(struct flow *flow)
{
    struct preview *preview = (struct preview *)flow;
    char trace_id[33];

    flow_trace_id(flow, trace_id);
    if (err_is_set(&flow->err))
        http_reply_err(preview->req, &flow->err, trace_id);
    else
        http_reply_json(preview->req, 200, &preview->reply);
    log_debug(&preview->app->base.service.log, "preview_ended", KV("trace_id", trace_id),
              KV("err", err_is_set(&flow->err) ? (const char *)flow->err.text : NULL));
    buf_clear(&preview->reply);
    flow_clear(flow);
    mem_free(preview);
}

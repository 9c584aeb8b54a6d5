#include "services/backend/handlers/snooze_body.h"

#include "common/recurrence/duration.h"

enum { FOR_TEXT_MAX = 20 };
static const int64_t FOR_MIN_MS = 60 * 1000;
static const int64_t FOR_MAX_MS = INT64_C(30) * 24 * 60 * 60 * 1000;

struct snooze_body {
    const char *span;
    int to; /* -1: absent */
    int64_t until;
};
static const char *const to_words[] = {"tomorrow_morning", NULL};
static const struct json_field snooze_fields[] = {
    JSON_TEXT(struct snooze_body, span, "for", JSON_OPTIONAL | JSON_ONE_LINE, 1, FOR_TEXT_MAX),
    JSON_ENUM(struct snooze_body, to, "to", JSON_OPTIONAL, to_words),
    JSON_TIME(struct snooze_body, until, "until", JSON_OPTIONAL),
};
static const struct json_reading snooze_reading = {.fields = snooze_fields, .n_fields = 3};

static bool read_span(const char *text, int64_t *for_ms, struct err *err)
{
    struct duration duration;

    if (!duration_read(text, "for", &duration, err))
        return false;
    *for_ms = (duration.days * 24 * 60 * 60 + duration.seconds) * 1000;
    if (*for_ms < FOR_MIN_MS || *for_ms > FOR_MAX_MS)
        return err_add_field(err, "for", "must be from PT1M to P30D");
    return true;
}

bool snooze_body_read(struct request *request, struct task_snooze *snooze)
{
    struct err *err = &request->flow.err;
    struct snooze_body body = {.to = -1};

    *snooze = (struct task_snooze){0};
    if (!uuid_read(http_param(request->req, "reminder_id"), &snooze->reminder_id))
        return err_set(err, ERR_NOT_FOUND, "the task has no reminder with this id");
    if (!request_read_json(request, &snooze_reading, &body, NULL))
        return false;
    if ((body.span != NULL) + (body.to >= 0) + (body.until != 0) != 1)
        return err_set(err, ERR_INVALID, "the body must have one of for, to and until");
    snooze->to_morning = body.to >= 0;
    snooze->until = body.until;
    return body.span == NULL || read_span(body.span, &snooze->for_ms, err);
}

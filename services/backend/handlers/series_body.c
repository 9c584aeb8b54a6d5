#include "services/backend/handlers/series_body.h"

#define NUMBER_MAX (INT64_C(1) << 53)

static const struct json_field series_fields[] = {
    JSON_UUID(struct series, id, "id", JSON_REQUIRED),
    JSON_TEXT(struct series, recurrence, "recurrence", JSON_REQUIRED, 1, TASK_RECURRENCE_MAX),
    JSON_ENUM(struct series, anchor, "anchor", JSON_REQUIRED, task_anchor_words),
    JSON_ENUM(struct series, missed, "missed", JSON_REQUIRED, task_missed_words),
    JSON_TEXT(struct series, time_zone, "time_zone", JSON_REQUIRED, 1, TASK_ZONE_MAX),
    JSON_TEXT(struct series, start, "series_start", JSON_REQUIRED, 1, TASK_LOCAL_MAX),
    JSON_INT(struct series, from, "series_from", JSON_REQUIRED, 1, NUMBER_MAX),
    JSON_INT(struct series, version, "version", JSON_REQUIRED, 1, NUMBER_MAX),
    JSON_INT(struct series, last_occurrence, "last_occurrence", JSON_REQUIRED, 1, NUMBER_MAX),
    JSON_TIME(struct series, created_at, "created_at", JSON_REQUIRED),
    JSON_TIME(struct series, stopped_at, "stopped_at", JSON_NULLABLE),
};
static const struct json_field template_fields[] = {
    JSON_TEXT(struct series, title, "title", JSON_REQUIRED, 1, TASK_TITLE_MAX),
    JSON_TEXT(struct series, description, "description", JSON_REQUIRED, 0, TASK_DESCRIPTION_MAX),
    JSON_ENUM(struct series, priority, "priority", JSON_REQUIRED, task_priority_words),
    JSON_TEXTS(struct series, tags, "tags", JSON_REQUIRED, TASK_TAGS_MAX, 1, TASK_TAG_MAX),
};
enum {
    N_SERIES_FIELDS = sizeof(series_fields) / sizeof(series_fields[0]),
    N_TEMPLATE_FIELDS = sizeof(template_fields) / sizeof(template_fields[0]),
};

bool series_body_read_id(const struct request *request, struct uuid *id, struct err *err)
{
    if (uuid_read(http_param(request->req, "id"), id))
        return true;
    return err_set(err, ERR_NOT_FOUND, "you have no series with this id");
}

void series_body_write(struct json_out *json, const struct series *series)
{
    json_write_fields(json, series_fields, N_SERIES_FIELDS, series);
    json_open_object(json, "template");
    json_write_fields(json, template_fields, N_TEMPLATE_FIELDS, series);
    json_open_array(json, "reminders");
    for (size_t i = 0; i < series->offsets.n_items; i++) {
        json_open_object(json, NULL);
        json_text(json, "offset", series->offsets.items[i]);
        json_close_object(json);
    }
    json_close_array(json);
    json_close_object(json);
}

void series_body_reply(struct request *request, const struct series_state *state)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    series_body_write(&json, &state->series);
    if (state->has_newest) {
        json_open_object(&json, "newest");
        json_write_fields(&json, task_fields, task_n_fields, &state->newest);
        json_close_object(&json);
    } else {
        json_null(&json, "newest");
    }
    json_close_object(&json);
    request_reply_json(request, 200, &body);
    buf_clear(&body);
}

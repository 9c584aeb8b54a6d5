/* common/events/task.c — the fields of a task on the wire. */
#include "common/events/task.h"

#include "common/json/json_field.h"

/* what a double holds exactly: JSON's readers elsewhere count on it */
#define VERSION_MAX (INT64_C(1) << 53)

const char *const task_status_words[] = {"open", "completed", "skipped", NULL};
const char *const task_priority_words[] = {"low", "normal", "high", "urgent", NULL};
const char *const task_anchor_words[] = {"due", "completion", NULL};
const char *const task_missed_words[] = {"catch_up", "skip", "collapse", NULL};

const struct task task_none = {.anchor = TASK_ANCHOR_NONE, .missed = TASK_MISSED_NONE};

const struct json_field task_fields[] = {
    JSON_UUID(struct task, id, "id", JSON_REQUIRED),
    JSON_UUID(struct task, owner_id, "owner_id", JSON_REQUIRED),
    JSON_TEXT(struct task, title, "title", JSON_REQUIRED | JSON_ONE_LINE, 1, TASK_TITLE_MAX),
    JSON_TEXT(struct task, description, "description", JSON_REQUIRED, 0, TASK_DESCRIPTION_MAX),
    JSON_ENUM(struct task, status, "status", JSON_REQUIRED, task_status_words),
    JSON_ENUM(struct task, priority, "priority", JSON_REQUIRED, task_priority_words),
    JSON_TEXTS(struct task, tags, "tags", JSON_REQUIRED, TASK_TAGS_MAX, 1, TASK_TAG_MAX),
    JSON_TIME(struct task, due_at, "due_at", JSON_NULLABLE),
    JSON_TEXT(struct task, time_zone, "time_zone", JSON_NULLABLE | JSON_ONE_LINE, 1, TASK_ZONE_MAX),
    JSON_TEXT(struct task, recurrence, "recurrence", JSON_NULLABLE | JSON_ONE_LINE, 1,
              TASK_RECURRENCE_MAX),
    JSON_ENUM(struct task, anchor, "anchor", JSON_NULLABLE, task_anchor_words),
    JSON_ENUM(struct task, missed, "missed", JSON_NULLABLE, task_missed_words),
    JSON_UUID(struct task, series_id, "series_id", JSON_NULLABLE),
    JSON_INT(struct task, series_version, "series_version", JSON_NULLABLE, 1, VERSION_MAX),
    JSON_INT(struct task, occurrence, "occurrence", JSON_NULLABLE, 1, VERSION_MAX),
    JSON_TEXT(struct task, series_start, "series_start", JSON_NULLABLE | JSON_ONE_LINE, 1,
              TASK_LOCAL_MAX),
    JSON_INT(struct task, series_from, "series_from", JSON_NULLABLE, 1, VERSION_MAX),
    JSON_TIME(struct task, scheduled_at, "scheduled_at", JSON_NULLABLE),
    JSON_RAWS(struct task, reminders, "reminders", JSON_NULLABLE, TASK_REMINDERS_MAX),
    JSON_BOOL(struct task, reminder_sent, "reminder_sent", JSON_OPTIONAL),
    JSON_INT(struct task, version, "version", JSON_REQUIRED, 1, VERSION_MAX),
    JSON_TIME(struct task, created_at, "created_at", JSON_REQUIRED),
    JSON_TIME(struct task, updated_at, "updated_at", JSON_REQUIRED),
    JSON_TIME(struct task, completed_at, "completed_at", JSON_NULLABLE),
    JSON_TIME(struct task, deleted_at, "deleted_at", JSON_NULLABLE),
};
const size_t task_n_fields = sizeof task_fields / sizeof task_fields[0];

const struct json_field task_purged_fields[] = {
    JSON_UUID(struct task_purged, id, "id", JSON_REQUIRED),
};
const size_t task_purged_n_fields = sizeof task_purged_fields / sizeof task_purged_fields[0];

void task_write(const struct task *task, struct buf *out)
{
    json_write_object(out, task_fields, task_n_fields, task);
}

bool task_read(const char *text, size_t n_bytes, struct arena *arena, struct task *task,
               struct err *err)
{
    const struct json_reading reading = {
        .fields = task_fields,
        .n_fields = task_n_fields,
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer backend adds */
    };

    *task = task_none;
    return json_read(text, n_bytes, &reading, arena, task, err);
}

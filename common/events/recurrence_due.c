/* common/events/recurrence_due.c — the fields of task.recurrence-due. */
#include "common/events/recurrence_due.h"

#define NUMBER_MAX (INT64_C(1) << 53)

const struct json_field recurrence_due_fields[] = {
    JSON_UUID(struct recurrence_due, series_id, "series_id", JSON_REQUIRED),
    JSON_INT(struct recurrence_due, series_version, "series_version", JSON_REQUIRED, 1, NUMBER_MAX),
    JSON_INT(struct recurrence_due, occurrence, "occurrence", JSON_REQUIRED, 2, NUMBER_MAX),
    JSON_TIME(struct recurrence_due, due_at, "due_at", JSON_REQUIRED),
    JSON_UUID(struct recurrence_due, previous_id, "previous_id", JSON_REQUIRED),
    JSON_BOOL(struct recurrence_due, skips_previous, "skips_previous", JSON_REQUIRED),
};
const size_t recurrence_due_n_fields =
    sizeof recurrence_due_fields / sizeof recurrence_due_fields[0];

/* common/events/notification.c — the fields of the events of notification. */
#include "common/events/notification.h"

#define NUMBER_MAX (INT64_C(1) << 53)

const char *const notification_kind_words[] = {"reminder", "digest", NULL};

const struct json_field notification_fields[] = {
    JSON_UUID(struct notification, id, "id", JSON_REQUIRED),
    JSON_ENUM(struct notification, kind, "kind", JSON_REQUIRED, notification_kind_words),
    JSON_UUID(struct notification, task_id, "task_id", JSON_NULLABLE),
    JSON_UUID(struct notification, reminder_id, "reminder_id", JSON_NULLABLE),
    JSON_INT(struct notification, generation, "generation", JSON_NULLABLE, 1, NUMBER_MAX),
    JSON_ENUM(struct notification, channel, "channel", JSON_REQUIRED, reminder_channel_words),
    JSON_UUID(struct notification, channel_id, "channel_id", JSON_NULLABLE),
    JSON_TEXT(struct notification, title, "title", JSON_REQUIRED | JSON_ONE_LINE, 0,
              NOTIFICATION_TEXT_MAX),
    JSON_TIME(struct notification, remind_at, "remind_at", JSON_REQUIRED),
    JSON_TIME(struct notification, sent_at, "sent_at", JSON_NULLABLE),
    JSON_INT(struct notification, attempts, "attempts", JSON_REQUIRED, 0, NUMBER_MAX),
    JSON_TEXT(struct notification, reason, "reason", JSON_NULLABLE | JSON_ONE_LINE, 1,
              NOTIFICATION_REASON_MAX),
    JSON_BOOL(struct notification, is_gone, "is_gone", JSON_OPTIONAL),
};
const size_t notification_n_fields = sizeof notification_fields / sizeof notification_fields[0];

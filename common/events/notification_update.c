/* common/events/notification_update.c — the fields of update.notification. */
#include "common/events/notification_update.h"

#define UNREAD_MAX (INT64_C(1) << 53)

const struct json_field notification_update_fields[] = {
    JSON_RAW(struct notification_update, notification, "notification", JSON_NULLABLE),
    JSON_INT(struct notification_update, unread, "unread", JSON_REQUIRED, 0, UNREAD_MAX),
};
const size_t notification_update_n_fields =
    sizeof notification_update_fields / sizeof notification_update_fields[0];

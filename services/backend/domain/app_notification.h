/* services/backend/domain/app_notification.h — what the app shows of a reminder or a digest, and the
 * cursor that goes on where a page of them ended. */
#ifndef SERVICES_BACKEND_DOMAIN_APP_NOTIFICATION_H
#define SERVICES_BACKEND_DOMAIN_APP_NOTIFICATION_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/uuid.h"
#include "common/events/notification.h"

struct app_notification {
    struct uuid id; /* of the delivery */
    int kind;       /* enum notification_kind */
    struct uuid task_id;
    const char *title;
    int64_t remind_at, created_at;
    int64_t read_at; /* 0: unread */
};
extern const struct json_field app_notification_fields[];
extern const size_t app_notification_n_fields;

/** Return what is to be shown of a delivery to the app; texts are shared. */
struct app_notification app_notification_make(const struct notification *sent);

/** Return it as a JSON object in the arena. */
const char *app_notification_write(const struct app_notification *notification,
                                   struct arena *arena);

/** Where a page ended. */
struct app_notification_position {
    int64_t created_at; /* 0: before the first */
    struct uuid id;
};
const char *app_notification_cursor(const struct app_notification *last, struct arena *arena);

/** Fail with an entry for the field "cursor" when no list gave it. */
MUST_CHECK bool app_notification_read_cursor(const char *text,
                                             struct app_notification_position *position,
                                             struct err *err);

#endif

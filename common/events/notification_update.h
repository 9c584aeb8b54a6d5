/* common/events/notification_update.h — the data of update.notification: what open browsers show of a
 * user's notifications. */
#ifndef COMMON_EVENTS_NOTIFICATION_UPDATE_H
#define COMMON_EVENTS_NOTIFICATION_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/json/json_field.h"

struct notification_update {
    const char *notification; /* an object, as in the list; NULL: all of them were read */
    int64_t unread;           /* how many are left */
};

extern const struct json_field notification_update_fields[];
extern const size_t notification_update_n_fields;

#endif

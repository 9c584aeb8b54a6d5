/* common/events/notification.h — the data of the events of notification: what is to be sent, was sent,
 * and could not be. */
#ifndef COMMON_EVENTS_NOTIFICATION_H
#define COMMON_EVENTS_NOTIFICATION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "common/events/reminder.h"
#include "common/json/json_field.h"

enum { NOTIFICATION_TEXT_MAX = 500, NOTIFICATION_REASON_MAX = 500 };

enum notification_kind { NOTIFICATION_REMINDER, NOTIFICATION_DIGEST };
extern const char *const notification_kind_words[]; /* "reminder", "digest", NULL */

/** One delivery: of one generation of one reminder, or of one day's digest, by one channel to one
 *  address. The data of notification.sent and notification.failed, and of reminder.scheduled,
 *  reminder.due and reminder.cancelled. */
struct notification {
    struct uuid id; /* of the delivery; stable over all its attempts */
    int kind;
    struct uuid task_id;     /* none of a digest */
    struct uuid reminder_id; /* none of a digest */
    int64_t generation;      /* of the reminder; 0: a digest */
    int channel;             /* reminder_channel */
    struct uuid channel_id;  /* of the push subscription or webhook; else none */
    const char *title;       /* the task's, or the digest's first line */
    int64_t remind_at;       /* when it was to come */
    int64_t sent_at;         /* 0: not */
    int64_t attempts;
    const char *reason; /* of a failure, for the user; else NULL */
    bool is_gone;       /* the address is no more: notification.failed */
};

extern const struct json_field notification_fields[];
extern const size_t notification_n_fields;

#endif

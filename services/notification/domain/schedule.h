/* services/notification/domain/schedule.h — what the ledger should have of a task, and how it gets
 * there from what it has. */
#ifndef SERVICES_NOTIFICATION_DOMAIN_SCHEDULE_H
#define SERVICES_NOTIFICATION_DOMAIN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/events/notification.h"
#include "common/events/reminder.h"
#include "common/events/reminder_settings.h"
#include "common/json/json_field.h"
#include "common/recurrence/zone.h"

enum delivery_state {
    DELIVERY_SCHEDULED,
    DELIVERY_CLAIMED, /* an attempt is open */
    DELIVERY_RETRYING,
    DELIVERY_SENT,
    DELIVERY_FAILED,
    DELIVERY_CANCELLED,
    DELIVERY_EXPIRED, /* it was over before anyone could be told */
};
extern const char *const delivery_state_words[]; /* "scheduled", …, NULL */

/** Stands where a delivery has no channel_id. */
#define DELIVERY_NO_ADDRESS "00000000-0000-0000-0000-000000000000"

/** One row of the ledger, as far as scheduling goes. */
struct delivery_row {
    struct uuid id;
    struct uuid reminder_id;
    int64_t generation;
    int channel;
    struct uuid channel_id; /* DELIVERY_NO_ADDRESS: none */
    int state;
    int64_t attempts;
    int64_t remind_at, next_try_at;
    int64_t held_until; /* 0: not held */
};
extern const struct json_field delivery_row_fields[];
extern const size_t delivery_row_n_fields;

struct schedule_task {
    bool is_open;            /* neither completed nor skipped, in no trash, not purged */
    bool is_new;             /* of a version that the ledger has not followed yet */
    int64_t due_at;          /* 0: none */
    const struct zone *zone; /* days of an offset are its; NULL: of 24 hours */
    const struct reminder *reminders;
    size_t n_reminders;
};

struct schedule_user {
    struct reminder_settings settings;
    const struct zone *zone; /* quiet hours are its; NULL: UTC */
    const struct channel_address *addresses;
    size_t n_addresses;
};

struct schedule_change {
    int was;                 /* its state, or -1: the row is new */
    struct delivery_row row; /* as it is to be */
};

struct schedule_job {
    struct schedule_task task;
    struct schedule_user user;
    const struct delivery_row *rows; /* what the ledger has of the task */
    size_t n_rows;
    int64_t now_ms, age_max_ms;
    int64_t keep_ms; /* how long the ledger keeps what has ended */
};

/** Return when a reminder comes, 0: never (an offset without a due date). */
int64_t schedule_instant(const struct schedule_task *task, const struct reminder *reminder);

/** Return what is to change, in the arena. Open deliveries of what is gone are cancelled; those that
 *  were sent or given up, and those that are claimed, stay as they are. An instant that has passed
 *  is sent late, unless it is older than `age_max_ms` or was over when the user set it: then it is
 *  expired. Of one older than `keep_ms` nothing is made, since the ledger may have had it and
 *  forgotten. What was cancelled comes back only if it is still ahead. */
struct schedule_change *schedule_compare(const struct schedule_job *job, struct arena *arena,
                                         size_t *n_changes);

#endif

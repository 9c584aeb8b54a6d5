/* common/events/reminder.h — a reminder of a task on the wire: one object of the task's `reminders`. */
#ifndef COMMON_EVENTS_REMINDER_H
#define COMMON_EVENTS_REMINDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/json/json_field.h"

enum { REMINDER_OFFSET_MAX = 20 };

/** How a user is told. */
enum reminder_channel { CHANNEL_EMAIL, CHANNEL_PUSH, CHANNEL_APP, CHANNEL_WEBHOOK, N_CHANNELS };
extern const char *const reminder_channel_words[]; /* "email", "push", "app", "webhook", NULL */

/** Either an offset or an instant. */
struct reminder {
    struct uuid id;
    const char *offset;    /* from the due date, an RFC 5545 §3.3.6 duration: "-PT1H"; or NULL */
    int64_t at;            /* or 0 */
    int64_t snoozed_until; /* when it comes instead; 0: not snoozed */
    int64_t generation;    /* from 1; a move of its instant or a snooze raises it */
    int64_t set_at;        /* when the user gave it this generation's instant; 0: not known */
    int64_t sent_at;       /* of this generation; 0: not */
    int channel;           /* by which it was sent first; -1: none */
};

extern const struct json_field reminder_fields[];
extern const size_t reminder_n_fields;

/** Read the objects of a task's `reminders` into an array of the arena. */
MUST_CHECK bool reminders_read(const struct json_texts *texts, struct arena *arena,
                               struct reminder **reminders, struct err *err);
/** Return them as objects again, in the arena. */
struct json_texts reminders_write(const struct reminder *reminders, size_t n_reminders,
                                  struct arena *arena);

#endif

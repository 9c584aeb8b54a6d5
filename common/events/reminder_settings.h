/* common/events/reminder_settings.h — how a user wants to be reminded: part of user-events and of the
 * public API. */
#ifndef COMMON_EVENTS_REMINDER_SETTINGS_H
#define COMMON_EVENTS_REMINDER_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/json/json_field.h"

enum { CLOCK_TIME_MAX = 5, CHANNELS_MAX = 20, CHANNEL_NAME_MAX = 100, CHANNEL_SEALED_MAX = 4096 };

struct reminder_settings {
    bool email, push, app, webhook;       /* channels that are on */
    const char *default_reminder;         /* offset of a new task with a due date; NULL: none */
    const char *quiet_from, *quiet_until; /* "22:00", "07:00" in his zone; NULL: no quiet hours */
    const char *digest_at;                /* "08:00" in his zone; NULL: no daily digest */
};

extern const struct json_field reminder_settings_fields[];
extern const size_t reminder_settings_n_fields;

/** What a user has who never changed them: e-mail, push, webhook and app on, a reminder at the due
 *  date, no quiet hours, no digest. */
extern const struct reminder_settings reminder_settings_initial;

/** A push subscription or webhook: where a message goes is sealed (common/seal/sealed.h), so that no
 *  broker and no trail holds it in clear. */
struct channel_address {
    struct uuid id;
    int channel; /* CHANNEL_PUSH or CHANNEL_WEBHOOK */
    const char *name;
    const char *sealed; /* {"endpoint","p256dh","auth"} or {"url","secret"} */
    int64_t created_at;
};

extern const struct json_field channel_address_fields[];
extern const size_t channel_address_n_fields;

#endif

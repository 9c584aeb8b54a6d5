/* common/events/user.h — a user on the wire: the data of user-events. */
#ifndef COMMON_EVENTS_USER_H
#define COMMON_EVENTS_USER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/json/json_field.h"

enum { USER_EMAIL_MAX = 254, USER_NAME_MAX = 100 };

struct user {
    struct uuid id;
    const char *email; /* NULL in user.deleted */
    const char *name;  /* may be "" ; NULL in user.deleted */
    const char *time_zone;
    const char *reminder_settings; /* an object: common/events/reminder_settings.h; NULL: initial */
    struct json_texts channels;    /* each an object: struct channel_address */
    int64_t version;
    int64_t created_at;
    int64_t deleted_at; /* 0: not */
};

extern const struct json_field user_fields[];
extern const size_t user_n_fields;

void user_write(const struct user *user, struct buf *out);
MUST_CHECK bool user_read(const char *text, size_t n_bytes, struct arena *arena, struct user *user,
                          struct err *err);

#endif

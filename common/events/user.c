/* common/events/user.c — the fields of a user on the wire. */
#include "common/events/user.h"

#include "common/events/reminder_settings.h"
#include "common/json/json_field.h"

#define VERSION_MAX (INT64_C(1) << 53)
enum { ZONE_MAX = 64 };

/* user.deleted carries the id, the version and deleted_at alone */
const struct json_field user_fields[] = {
    JSON_UUID(struct user, id, "id", JSON_REQUIRED),
    JSON_TEXT(struct user, email, "email", JSON_NULLABLE | JSON_ONE_LINE, 3, USER_EMAIL_MAX),
    JSON_TEXT(struct user, name, "name", JSON_NULLABLE | JSON_ONE_LINE, 0, USER_NAME_MAX),
    JSON_TEXT(struct user, time_zone, "time_zone", JSON_NULLABLE | JSON_ONE_LINE, 1, ZONE_MAX),
    JSON_RAW(struct user, reminder_settings, "reminder_settings", JSON_NULLABLE),
    JSON_RAWS(struct user, channels, "channels", JSON_NULLABLE, CHANNELS_MAX),
    JSON_INT(struct user, version, "version", JSON_REQUIRED, 1, VERSION_MAX),
    JSON_TIME(struct user, created_at, "created_at", JSON_NULLABLE),
    JSON_TIME(struct user, deleted_at, "deleted_at", JSON_NULLABLE),
};
const size_t user_n_fields = sizeof user_fields / sizeof user_fields[0];

void user_write(const struct user *user, struct buf *out)
{
    json_write_object(out, user_fields, user_n_fields, user);
}

bool user_read(const char *text, size_t n_bytes, struct arena *arena, struct user *user,
               struct err *err)
{
    const struct json_reading reading = {
        .fields = user_fields,
        .n_fields = user_n_fields,
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer backend adds */
    };

    *user = (struct user){0};
    return json_read(text, n_bytes, &reading, arena, user, err);
}

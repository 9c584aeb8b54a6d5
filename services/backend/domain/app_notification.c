#include "services/backend/domain/app_notification.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json_field.h"

enum { MS_DIGITS_MAX = 15 };

const struct json_field app_notification_fields[] = {
    JSON_UUID(struct app_notification, id, "id", JSON_READ_ONLY),
    JSON_ENUM(struct app_notification, kind, "kind", JSON_READ_ONLY, notification_kind_words),
    JSON_UUID(struct app_notification, task_id, "task_id", JSON_READ_ONLY),
    JSON_TEXT(struct app_notification, title, "title", JSON_READ_ONLY, 0, NOTIFICATION_TEXT_MAX),
    JSON_TIME(struct app_notification, remind_at, "remind_at", JSON_READ_ONLY),
    JSON_TIME(struct app_notification, created_at, "created_at", JSON_READ_ONLY),
    JSON_TIME(struct app_notification, read_at, "read_at", JSON_READ_ONLY),
};
const size_t app_notification_n_fields =
    sizeof app_notification_fields / sizeof app_notification_fields[0];

struct app_notification app_notification_make(const struct notification *sent)
{
    return (struct app_notification){
        .id = sent->id,
        .kind = sent->kind,
        .task_id = sent->task_id,
        .title = sent->title,
        .remind_at = sent->remind_at,
        .created_at = sent->sent_at,
    };
}

const char *app_notification_write(const struct app_notification *notification, struct arena *arena)
{
    return json_object_text(app_notification_fields, app_notification_n_fields, notification,
                            arena);
}

/* "<created_at>.<id>" */
const char *app_notification_cursor(const struct app_notification *last, struct arena *arena)
{
    return arena_format(arena, "%" PRId64 ".%s", last->created_at, last->id.text);
}

bool app_notification_read_cursor(const char *text, struct app_notification_position *position,
                                  struct err *err)
{
    const size_t n_digits = strspn(text, "0123456789");

    if (n_digits == 0 || n_digits > MS_DIGITS_MAX || text[0] == '0' || text[n_digits] != '.' ||
        !uuid_read(text + n_digits + 1, &position->id))
        return err_add_field(err, "cursor", "is not one that this list gave");
    position->created_at = strtoll(text, NULL, 10);
    return true;
}

/* common/events/reminder.c — the fields of a reminder on the wire. */
#include "common/events/reminder.h"

#include <string.h>

#define GENERATION_MAX (INT64_C(1) << 53)

const char *const reminder_channel_words[] = {"email", "push", "app", "webhook", NULL};

const struct json_field reminder_fields[] = {
    JSON_UUID(struct reminder, id, "id", JSON_REQUIRED),
    JSON_TEXT(struct reminder, offset, "offset", JSON_NULLABLE | JSON_ONE_LINE, 1,
              REMINDER_OFFSET_MAX),
    JSON_TIME(struct reminder, at, "at", JSON_NULLABLE),
    JSON_TIME(struct reminder, snoozed_until, "snoozed_until", JSON_NULLABLE),
    JSON_INT(struct reminder, generation, "generation", JSON_REQUIRED, 1, GENERATION_MAX),
    JSON_TIME(struct reminder, set_at, "set_at", JSON_NULLABLE),
    JSON_TIME(struct reminder, sent_at, "sent_at", JSON_NULLABLE),
    JSON_ENUM(struct reminder, channel, "channel", JSON_NULLABLE, reminder_channel_words),
};
const size_t reminder_n_fields = sizeof reminder_fields / sizeof reminder_fields[0];

bool reminders_read(const struct json_texts *texts, struct arena *arena,
                    struct reminder **reminders, struct err *err)
{
    const struct json_reading reading = {
        .fields = reminder_fields,
        .n_fields = reminder_n_fields,
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer backend adds */
        .path = "reminders[].",
    };

    *reminders = ARENA_NEW_ARRAY(arena, texts->n_items, struct reminder);
    for (size_t i = 0; i < texts->n_items; i++) {
        (*reminders)[i] = (struct reminder){.channel = -1};
        if (!json_read(texts->items[i], strlen(texts->items[i]), &reading, arena, &(*reminders)[i],
                       err))
            return false;
    }
    return true;
}

struct json_texts reminders_write(const struct reminder *reminders, size_t n_reminders,
                                  struct arena *arena)
{
    struct json_texts texts = {ARENA_NEW_ARRAY(arena, n_reminders, const char *), n_reminders};

    for (size_t i = 0; i < n_reminders; i++)
        texts.items[i] = json_object_text(reminder_fields, reminder_n_fields, &reminders[i], arena);
    return texts;
}

/* common/events/dead_letter.c — the fields of a dead letter on the wire. The original travels as a
 * text, not as a value: so no reader on its way can change a byte of it. */
#include "common/events/dead_letter.h"

#include "common/json/json_field.h"

enum { NAME_MAX_CHARS = 256, REASON_MAX = 1000, EVENT_MAX = 4 * 1024 * 1024 };

static const struct json_field letter_fields[] = {
    JSON_TEXT(struct dead_letter, consumer, "consumer", JSON_REQUIRED, 1, NAME_MAX_CHARS),
    JSON_TEXT(struct dead_letter, topic, "topic", JSON_REQUIRED, 1, NAME_MAX_CHARS),
    JSON_TEXT(struct dead_letter, reason, "reason", JSON_REQUIRED | JSON_VERBATIM, 1, REASON_MAX),
    JSON_TEXT(struct dead_letter, event, "event", JSON_NULLABLE | JSON_OMIT_NONE | JSON_VERBATIM, 0,
              EVENT_MAX),
    JSON_TEXT(struct dead_letter, event_b64, "event_b64", JSON_NULLABLE | JSON_OMIT_NONE, 0,
              EVENT_MAX),
};
enum { N_LETTER_FIELDS = sizeof letter_fields / sizeof letter_fields[0] };

void dead_letter_write(const struct dead_letter *letter, struct buf *out)
{
    json_write_object(out, letter_fields, N_LETTER_FIELDS, letter);
}

bool dead_letter_read(const char *text, size_t n_bytes, struct arena *arena,
                      struct dead_letter *letter, struct err *err)
{
    const struct json_reading reading = {
        .fields = letter_fields,
        .n_fields = N_LETTER_FIELDS,
        .unknown = JSON_IGNORE_UNKNOWN,
    };

    *letter = (struct dead_letter){0};
    if (!json_read(text, n_bytes, &reading, arena, letter, err))
        return false;
    if ((letter->event == NULL) == (letter->event_b64 == NULL))
        return err_add_field(err, "event", "exactly one of event and event_b64 must be there");
    return true;
}

/* common/events/event.c — CloudEvents in their structured JSON form. */
#include "common/events/event.h"

#include <stdio.h>
#include <string.h>

#include "common/base/uuid.h"
#include "common/json/json_field.h"
#include "common/json/json_out.h"

enum { ATTRIBUTE_MAX = 256, SEQ_DIGITS_MAX = 19, TRACE_MAX = 512 };

/** The attributes as they stand on the wire. */
struct wire {
    struct event event;
    const char *version, *content_type, *seq;
};

static const struct json_field wire_fields[] = {
    JSON_TEXT(struct wire, version, "specversion", JSON_REQUIRED, 1, 8),
    JSON_TEXT(struct wire, event.id, "id", JSON_REQUIRED, 1, ATTRIBUTE_MAX),
    JSON_TEXT(struct wire, event.source, "source", JSON_REQUIRED, 1, ATTRIBUTE_MAX),
    JSON_TEXT(struct wire, event.type, "type", JSON_REQUIRED, 1, ATTRIBUTE_MAX),
    JSON_TEXT(struct wire, event.subject, "subject", JSON_REQUIRED, 1, ATTRIBUTE_MAX),
    JSON_TIME(struct wire, event.time, "time", JSON_REQUIRED),
    JSON_TEXT(struct wire, content_type, "datacontenttype", JSON_NULLABLE, 0, ATTRIBUTE_MAX),
    JSON_TEXT(struct wire, event.owner_id, "ownerid", JSON_REQUIRED, 1, ATTRIBUTE_MAX),
    JSON_TEXT(struct wire, seq, "seq", JSON_NULLABLE, 0, ATTRIBUTE_MAX),
    JSON_TEXT(struct wire, event.traceparent, "traceparent", JSON_NULLABLE, 0, TRACE_MAX),
    JSON_RAW(struct wire, event.data, "data", JSON_REQUIRED),
};

static const struct json_reading wire_reading = {
    .fields = wire_fields,
    .n_fields = sizeof wire_fields / sizeof wire_fields[0],
    .unknown = JSON_IGNORE_UNKNOWN,
};

static void write_seq(struct json_out *out, int64_t seq)
{
    char digits[SEQ_DIGITS_MAX + 2];

    snprintf(digits, sizeof digits, "%lld", (long long)seq);
    json_text(out, "seq", digits);
}

void event_write(const struct event *event, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open_object(&json, NULL);
    json_text(&json, "specversion", "1.0");
    json_text(&json, "id", event->id);
    json_text(&json, "source", event->source);
    json_text(&json, "type", event->type);
    json_text(&json, "subject", event->subject);
    json_time(&json, "time", event->time);
    json_text(&json, "datacontenttype", "application/json");
    json_text(&json, "ownerid", event->owner_id);
    if (event->seq > 0)
        write_seq(&json, event->seq);
    if (event->traceparent != NULL && event->traceparent[0] != '\0') {
        json_text(&json, "traceparent", event->traceparent);
        json_text(&json, "traceid", event->traceparent); /* without it daprd erases the other */
    }
    json_raw(&json, "data", event->data);
    json_close_object(&json);
}

static bool read_seq(const char *text, int64_t *seq, struct err *err)
{
    size_t n = strlen(text);
    int64_t value = 0;

    if (n == 0 || n > SEQ_DIGITS_MAX || text[0] == '0')
        return err_add_field(err, "seq", "is not a decimal number from 1 to %lld",
                             (long long)INT64_MAX);
    for (size_t i = 0; i < n; i++) {
        int digit = text[i] - '0';

        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return err_add_field(err, "seq", "is not a decimal number from 1 to %lld",
                                 (long long)INT64_MAX);
        value = value * 10 + digit;
    }
    *seq = value;
    return true;
}

static bool check_uuid(const char *field, const char *text, struct err *err)
{
    return uuid_is_valid(text) || err_add_field(err, field, "is not a UUID");
}

static bool check_wire(const struct wire *wire, struct err *err)
{
    if (strcmp(wire->version, "1.0") != 0)
        return err_add_field(err, "specversion", "is not 1.0");
    if (!check_uuid("id", wire->event.id, err) || !check_uuid("ownerid", wire->event.owner_id, err))
        return false;
    if (wire->content_type != NULL &&
        strncmp(wire->content_type, "application/json", strlen("application/json")) != 0)
        return err_add_field(err, "datacontenttype", "is not application/json");
    if (wire->event.data == NULL || wire->event.data[0] != '{')
        return err_add_field(err, "data", "is not an object");
    return true;
}

bool event_read(const char *text, size_t n_bytes, struct arena *arena, struct event *event,
                struct err *err)
{
    struct wire wire = {0};

    if (!json_read(text, n_bytes, &wire_reading, arena, &wire, err))
        return false;
    if (!check_wire(&wire, err))
        return false;
    if (wire.seq != NULL && !read_seq(wire.seq, &wire.event.seq, err))
        return false;
    *event = wire.event;
    return true;
}

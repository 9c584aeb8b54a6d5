#include "common/dapr/raw_payload.h"

#include <sodium.h>
#include <string.h>

#include "common/json/json_field.h"

enum { NAME_CHARS_MAX = 256, BASE64_CHARS_MAX = 32 * 1024 * 1024 };

struct envelope {
    const char *type, *content_type, *payload;
};

static const struct json_field envelope_fields[] = {
    JSON_TEXT(struct envelope, type, "type", JSON_REQUIRED, 1, NAME_CHARS_MAX),
    JSON_TEXT(struct envelope, content_type, "datacontenttype", JSON_REQUIRED, 1, NAME_CHARS_MAX),
    JSON_TEXT(struct envelope, payload, "data_base64", JSON_REQUIRED, 0, BASE64_CHARS_MAX),
};

static const struct json_reading envelope_reading = {
    .fields = envelope_fields,
    .n_fields = sizeof envelope_fields / sizeof envelope_fields[0],
    .unknown = JSON_IGNORE_UNKNOWN,
};

const char *raw_payload_open(const char *body, size_t n_bytes, struct arena *arena,
                             size_t *n_payload)
{
    struct envelope envelope = {0};
    size_t n_max;
    char *payload;

    /* most bodies are events: the long way only for what has the attribute */
    if (memmem(body, n_bytes, "\"data_base64\"", strlen("\"data_base64\"")) == NULL ||
        !json_read(body, n_bytes, &envelope_reading, arena, &envelope, NULL))
        return NULL;
    if (strcmp(envelope.type, "com.dapr.event.sent") != 0 ||
        strcmp(envelope.content_type, "application/octet-stream") != 0)
        return NULL;
    n_max = strlen(envelope.payload) / 4 * 3 + 3;
    payload = arena_new(arena, n_max + 1);
    if (sodium_base642bin((unsigned char *)payload, n_max, envelope.payload,
                          strlen(envelope.payload), NULL, n_payload, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return NULL;
    return payload;
}

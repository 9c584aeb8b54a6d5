/* common/dapr/dead_letters.c — from an event that cannot be handled to a dead letter. */
#include "common/dapr/dead_letters.h"

#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/uuid.h"
#include "common/dapr/publish.h"
#include "common/dapr/relay.h"
#include "common/events/dead_letter.h"
#include "common/events/event_types.h"
#include "common/json/json_field.h"
#include "common/pg/outbox.h"

enum { PUBLISH_LIMIT_MS = 5000, UUID_BYTES = 16 };

/** What can be read of an event that is otherwise broken: any value of each attribute, as JSON. */
struct hints {
    const char *owner_id, *subject, *traceparent;
};

struct insert_call {
    struct relay *relay;
    dapr_done_fn *done;
    void *arg;
};

/** Read the hints; return whether the bytes are a JSON object at all. */
static bool read_hints(const struct dead_letter_case *about, struct arena *arena,
                       struct hints *hints)
{
    static const struct json_field fields[] = {
        JSON_RAW(struct hints, owner_id, "ownerid", JSON_NULLABLE),
        JSON_RAW(struct hints, subject, "subject", JSON_NULLABLE),
        JSON_RAW(struct hints, traceparent, "traceparent", JSON_NULLABLE),
    };
    static const struct json_reading reading = {.fields = fields,
                                                .n_fields = sizeof fields / sizeof fields[0],
                                                .unknown = JSON_IGNORE_UNKNOWN};

    *hints = (struct hints){0};
    return json_read(about->body, about->n_bytes, &reading, arena, hints, NULL);
}

/** Return the text of a JSON string without escapes of at most `max` bytes; else NULL. */
static const char *plain_text(const char *json, size_t max, struct arena *arena)
{
    size_t n = json != NULL ? strlen(json) : 0;

    if (n < 3 || n > max + 2 || json[0] != '"' || strchr(json, '\\') != NULL)
        return NULL;
    return arena_copy_bytes(arena, json + 1, n - 2);
}

static const char *encode_base64(const char *bytes, size_t n_bytes, struct arena *arena)
{
    size_t size = sodium_base64_encoded_len(n_bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_new(arena, size);

    return sodium_bin2base64(text, size, (const unsigned char *)bytes, n_bytes,
                             sodium_base64_VARIANT_ORIGINAL);
}

/** A version 8 UUID (RFC 9562 §5.8) of what makes the letter what it is. */
static const char *make_id(const char *consumer, const struct dead_letter_case *about,
                           struct arena *arena)
{
    unsigned char hash[UUID_BYTES];
    char hex[2 * UUID_BYTES + 1];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)consumer, strlen(consumer) + 1);
    crypto_generichash_update(&state, (const unsigned char *)about->topic,
                              strlen(about->topic) + 1);
    crypto_generichash_update(&state, (const unsigned char *)about->body, about->n_bytes);
    crypto_generichash_final(&state, hash, sizeof hash);
    hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x80);
    hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    return arena_format(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

static const char *write_data(const char *consumer, const struct dead_letter_case *about,
                              bool is_json, struct arena *arena)
{
    struct dead_letter letter = {
        .consumer = consumer, .topic = about->topic, .reason = about->reason};
    struct buf data;
    const char *copy;

    if (about->n_bytes > DEAD_LETTER_ORIGINAL_MAX) {
        letter.reason = arena_format(arena, "%s (the first %d of %zu bytes)", about->reason,
                                     DEAD_LETTER_ORIGINAL_MAX, about->n_bytes);
        letter.event_b64 = encode_base64(about->body, DEAD_LETTER_ORIGINAL_MAX, arena);
    } else if (is_json) {
        letter.event = about->body;
    } else {
        letter.event_b64 = encode_base64(about->body, about->n_bytes, arena);
    }
    buf_init(&data);
    dead_letter_write(&letter, &data);
    copy = arena_copy_bytes(arena, data.bytes, data.n_bytes);
    buf_clear(&data);
    return copy;
}

static void on_inserted(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct insert_call *call = arg;

    (void)rows;
    if (err != NULL && err->code == ERR_CONFLICT) /* the letter waits there already */
        err = NULL;
    if (err == NULL && call->relay != NULL)
        relay_wake(call->relay);
    call->done(call->arg, err);
    mem_free(call);
}

static void insert_letter(const struct dead_letters *letters, const struct event *event,
                          struct arena *arena, dapr_done_fn *done, void *arg)
{
    const struct outbox_row row = {.id = event->id,
                                   .topic = TOPIC_DEAD_LETTERS,
                                   .type = event->type,
                                   .subject = event->subject,
                                   .owner_id = event->owner_id,
                                   .traceparent = event->traceparent,
                                   .data = event->data,
                                   .occurred_at = event->time};
    struct insert_call *call = MEM_NEW(struct insert_call);
    struct pg_params params;

    *call = (struct insert_call){letters->relay, done, arg};
    pg_params_init(&params, arena);
    outbox_add_params(&params, &row);
    pg_query(letters->pool, &OUTBOX_INSERT, &params, on_inserted, call);
}

void dead_letters_add(const struct dead_letters *letters, const struct dead_letter_case *about,
                      struct arena *arena, dapr_done_fn *done, void *arg)
{
    const char *consumer = dapr_app_id(letters->dapr);
    struct hints hints;
    bool is_json = read_hints(about, arena, &hints);
    const char *owner = plain_text(hints.owner_id, UUID_TEXT_SIZE, arena);
    const char *subject = plain_text(hints.subject, 200, arena);
    const char *trace = plain_text(hints.traceparent, 64, arena);
    struct uuid owner_id;
    struct event event;

    if (about->is_unowned || owner == NULL || !uuid_read(owner, &owner_id))
        uuid_read(DEAD_LETTER_NO_OWNER, &owner_id);
    event = (struct event){.id = make_id(consumer, about, arena),
                           .source = arena_format(arena, "/todo/%s", consumer),
                           .type = EVENT_DEAD_LETTER,
                           .subject = subject != NULL ? subject : owner_id.text,
                           .owner_id = owner_id.text,
                           .traceparent = trace != NULL ? trace : "",
                           .data = write_data(consumer, about, is_json, arena),
                           .time = clock_now_ms()};
    if (letters->pool != NULL)
        insert_letter(letters, &event, arena, done, arg);
    else
        dapr_publish_event(
            letters->dapr,
            &(struct dapr_topic){letters->pubsub, TOPIC_DEAD_LETTERS, PUBLISH_LIMIT_MS}, &event,
            done, arg);
}

/* services/audit/handlers/dead_letter_keep.c — keep what a consumer could not handle: a letter that
 * the consumer wrote itself, or an event that the sidecar gave up on (its backstop: the original,
 * with its own id and type; it does not say whose). */
#include "services/audit/handlers/dead_letter_keep.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/metrics.h"
#include "common/events/dead_letter.h"
#include "common/events/event_types.h"
#include "common/json/json_field.h"
#include "services/audit/app.h"
#include "services/audit/handlers/append_flow.h"
#include "services/audit/store/dead_letter_store.h"

struct dead_letter_keep {
    struct append_flow append; /* first member */
    struct kept_letter letter;
};
static flow_step_fn read_letter, keep_letter;
static flow_finish_fn count_and_finish;
static chain_done_fn on_letter_kept;
static const struct flow_plan dead_letter_keep_plan = {
    .name = "dead_letter_keep",
    .steps = {append_read_event, read_letter, append_open_chain, append_seal, keep_letter},
    .finish = count_and_finish,
};

static const char UNKNOWN[] = "unknown";

/* labels have few values, whatever letters say */
static const char *const consumers[] = {"backend", "recurring-task", "notification",
                                        "audit",   "websocket",      UNKNOWN};
enum { N_CONSUMERS = sizeof(consumers) / sizeof(consumers[0]) };

void dead_letter_keep_start(void *context, struct delivery *delivery)
{
    append_flow_start(context, delivery, sizeof(struct dead_letter_keep), &dead_letter_keep_plan);
}

/** The original has the id of an event that was perhaps appended already, from its own topic: as a
 *  dead letter it needs another one (a version 8 UUID, RFC 9562 §5.8). */
static void derive_inbox_id(struct uuid *inbox_id)
{
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const unsigned char *)TOPIC_DEAD_LETTERS,
                              sizeof(TOPIC_DEAD_LETTERS));
    crypto_generichash_update(&state, (const unsigned char *)inbox_id->text, UUID_TEXT_SIZE - 1);
    crypto_generichash_final(&state, hash, sizeof(hash));
    hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x80);
    hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80);
    snprintf(inbox_id->text, sizeof(inbox_id->text),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", hash[0],
             hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7], hash[8], hash[9],
             hash[10], hash[11], hash[12], hash[13], hash[14], hash[15]);
}

/** Daprd leaves the topic that the event was published on in its envelope. */
struct envelope {
    const char *topic;
};

static void read_backstop(struct dead_letter_keep *keep, const struct event *event)
{
    static const struct json_field fields[] = {
        JSON_TEXT(struct envelope, topic, "topic", JSON_OPTIONAL, 1, 256),
    };
    static const struct json_reading reading = {
        .fields = fields, .n_fields = 1, .unknown = JSON_IGNORE_UNKNOWN};
    struct kept_letter *letter = &keep->letter;
    struct envelope envelope = {0};
    size_t n_bytes;
    const char *body = delivery_body(keep->append.delivery, &n_bytes);

    if (!json_read(body, n_bytes, &reading, &keep->append.flow.arena, &envelope, NULL))
        envelope.topic = NULL;
    letter->consumer = UNKNOWN;
    letter->topic = envelope.topic != NULL ? envelope.topic : "";
    letter->reason = "the sidecar gave up delivering it";
    letter->event = body;
    letter->type = event->type;
    uuid_read(event->id, &letter->event_id);
    derive_inbox_id(&keep->append.inbox_id);
}

/** A letter that is no letter is kept as one about itself: refusing it would make another one. */
static void read_malformed(struct dead_letter_keep *keep, const struct err *err)
{
    struct kept_letter *letter = &keep->letter;
    size_t n_bytes;

    letter->consumer = UNKNOWN;
    letter->topic = TOPIC_DEAD_LETTERS;
    letter->type = "";
    letter->reason =
        arena_format(&keep->append.flow.arena, "a malformed dead letter: %s", err->text);
    letter->event = delivery_body(keep->append.delivery, &n_bytes);
}

static void read_written(struct dead_letter_keep *keep, const struct event *event)
{
    struct arena *arena = &keep->append.flow.arena;
    struct kept_letter *letter = &keep->letter;
    struct dead_letter written;
    struct event original;
    struct err err = {0};

    if (!dead_letter_read(event->data, strlen(event->data), arena, &written, &err)) {
        read_malformed(keep, &err);
        return;
    }
    letter->consumer = written.consumer;
    letter->topic = written.topic;
    letter->reason = written.reason;
    letter->event = written.event;
    letter->event_b64 = written.event_b64;
    letter->type = "";
    if (written.event != NULL &&
        event_read(written.event, strlen(written.event), arena, &original, NULL)) {
        letter->type = original.type;
        uuid_read(original.id, &letter->event_id);
    }
}

static enum flow_next read_letter(struct flow *flow)
{
    struct dead_letter_keep *keep = (struct dead_letter_keep *)flow;
    const struct event *event = delivery_event(keep->append.delivery);

    keep->letter.id = keep->append.entry.event_id;
    if (strcmp(event->type, EVENT_DEAD_LETTER) == 0)
        read_written(keep, event);
    else
        read_backstop(keep, event);
    return FLOW_NEXT;
}

static enum flow_next keep_letter(struct flow *flow)
{
    struct dead_letter_keep *keep = (struct dead_letter_keep *)flow;

    dead_letter_store_keep(keep->append.pool, &flow->arena, &keep->append.append, &keep->letter,
                           on_letter_kept, keep);
    return FLOW_WAIT;
}

static void on_letter_kept(void *arg, const struct err *err)
{
    struct dead_letter_keep *keep = arg;

    flow_resume(&keep->append.flow, err);
}

static void count_and_finish(struct flow *flow)
{
    struct dead_letter_keep *keep = (struct dead_letter_keep *)flow;
    const char *consumer = "other";
    char labels[80];

    if (!err_is_set(&flow->err)) { /* one that comes again counts again: its consumer failed */
        for (size_t i = 0; i < N_CONSUMERS; i++)
            if (strcmp(consumers[i], keep->letter.consumer) == 0)
                consumer = consumers[i];
        snprintf(labels, sizeof(labels), "consumer=\"%s\"", consumer);
        metrics_add(metrics_counter(keep->append.app->service.metrics, "audit_dead_letters_total",
                                    "Dead letters kept.", labels),
                    1);
    }
    append_finish(flow);
}

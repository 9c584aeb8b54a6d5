/* services/notification/channels/push.c — hand a message to the browser's push service: RFC 8030, sealed
 * by RFC 8291, from us by RFC 8292. */
#include <ctype.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/net/http_client.h"
#include "services/notification/channels/handover.h"
#include "services/notification/channels/payload.h"
#include "services/notification/channels/push_seal.h"
#include "services/notification/channels/vapid.h"
#include "services/notification/channels/words.h"
#include "services/notification/config.h"

enum {
    LIFE_MAX_S = 28 * 24 * 3600, /* the longest that push services take */
    TOPIC_SIZE = 33,
};

struct push_address {
    const char *endpoint, *p256dh, *auth;
};

static const struct json_field address_fields[] = {
    JSON_TEXT(struct push_address, endpoint, "endpoint", JSON_REQUIRED, 1, ADDRESS_URL_MAX),
    JSON_TEXT(struct push_address, p256dh, "p256dh", JSON_REQUIRED, 1, 100),
    JSON_TEXT(struct push_address, auth, "auth", JSON_REQUIRED, 1, 40),
};

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct handover *handover = arg;

    handover_end(handover, verdict_of_push(answer, err, &handover->arena));
}

/* RFC 8030 §5.4: at most 32 characters of base64url. A newer message of the same topic takes the place
 * of one that waits; ours is the delivery's, so that a second attempt shows once. */
static void write_topic(const struct uuid *id, char topic[TOPIC_SIZE])
{
    size_t n = 0;

    for (const char *c = id->text; *c != '\0' && n < TOPIC_SIZE - 1; c++)
        if (*c != '-')
            topic[n++] = *c;
    topic[n] = '\0';
}

static bool seal_payload(struct handover *handover, const struct outgoing *outgoing,
                         const struct push_address *address, struct buf *body, struct err *err)
{
    const struct channels_parts *parts = &handover->channels->parts;
    struct push_receiver receiver;
    struct buf words, payload;

    if (!push_read_receiver(address->p256dh, address->auth, &receiver, err))
        return false;
    buf_init(&words);
    buf_init(&payload);
    words_write_summary(outgoing, words_zone(parts->zones, outgoing), clock_now_ms(), &words);
    payload_write_push(outgoing, parts->config->public_url, buf_text(&words), &payload);
    bool ok = push_seal(&receiver, NULL, payload.bytes, payload.n_bytes, body, err);

    buf_clear(&words);
    buf_clear(&payload);
    return ok;
}

static void post(struct handover *handover, const struct outgoing *outgoing, const char *endpoint,
                 const char *authorization, const struct buf *body)
{
    const struct config *config = handover->channels->parts.config;
    struct arena *arena = &handover->arena;
    char topic[TOPIC_SIZE];
    int life_s = config->reminder_age_max_s < LIFE_MAX_S ? config->reminder_age_max_s : LIFE_MAX_S;

    write_topic(&outgoing->notification.id, topic);
    http_client_send(
        handover->channels->client,
        &(struct http_call){.method = HTTP_POST,
                            .url = endpoint,
                            .headers = {"content-type: application/octet-stream",
                                        "content-encoding: aes128gcm",
                                        arena_format(arena, "ttl: %d", life_s), "urgency: high",
                                        arena_format(arena, "topic: %s", topic),
                                        arena_format(arena, "authorization: %s", authorization)},
                            .body = body->bytes,
                            .n_body_bytes = body->n_bytes,
                            .limit_ms = config->push_limit_ms,
                            .reply_max_bytes = CHANNEL_REPLY_MAX},
        on_answered, handover);
}

void push_send(struct handover *handover, const struct outgoing *outgoing)
{
    struct push_address address;
    struct address_url url;
    const char *authorization = NULL;
    struct err err = {0};
    struct buf body;

    if (!handover_open_address(handover, outgoing, address_fields, 3, &address) ||
        !handover_check_url(handover, address.endpoint))
        return;
    buf_init(&body);
    if (address_read_url(address.endpoint, "endpoint", &url, &err) &&
        vapid_authorize(handover->channels->vapid, &url, clock_now_ms(), &handover->arena,
                        &authorization, &err) &&
        seal_payload(handover, outgoing, &address, &body, &err))
        post(handover, outgoing, address.endpoint, authorization, &body);
    else
        handover_fail_later(handover, &err);
    buf_clear(&body);
}

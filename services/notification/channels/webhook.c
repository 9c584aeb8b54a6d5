/* services/notification/channels/webhook.c — Standard Webhooks 1.0.0: id, time and body signed with the
 * secret that the user got when he added the address. The id is the delivery's, the same each time. */
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_out.h"
#include "common/net/http_client.h"
#include "services/notification/channels/handover.h"
#include "services/notification/channels/payload.h"
#include "services/notification/channels/webhook_sign.h"
#include "services/notification/config.h"

struct webhook_address {
    const char *url, *secret;
};

static const struct json_field address_fields[] = {
    JSON_TEXT(struct webhook_address, url, "url", JSON_REQUIRED, 1, ADDRESS_URL_MAX),
    JSON_TEXT(struct webhook_address, secret, "secret", JSON_REQUIRED, 1, 200),
};

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct handover *handover = arg;

    handover_end(handover, verdict_of_webhook(answer, err, &handover->arena));
}

void webhook_send(struct handover *handover, const struct outgoing *outgoing)
{
    const struct config *config = handover->channels->parts.config;
    const char *id = outgoing->notification.id.text, *mark = NULL;
    struct arena *arena = &handover->arena;
    int64_t now_s = clock_now_ms() / 1000;
    struct webhook_address address;
    struct buf body;

    if (!handover_open_address(handover, outgoing, address_fields, 2, &address) ||
        !handover_check_url(handover, address.url))
        return;
    buf_init(&body);
    payload_write_webhook(outgoing, config->public_url, &body);
    mark = webhook_sign(address.secret, id, now_s, &body, arena);
    if (mark == NULL)
        handover_end_later(handover, SEND_NEVER,
                           "The address cannot be read any more: remove it and add it anew.");
    else
        http_client_send(
            handover->channels->client,
            &(struct http_call){
                .method = HTTP_POST,
                .url = address.url,
                .headers = {"content-type: application/json", "user-agent: todo-app",
                            arena_format(arena, "webhook-id: %s", id),
                            arena_format(arena, "webhook-timestamp: %lld", (long long)now_s),
                            arena_format(arena, "webhook-signature: %s", mark)},
                .body = body.bytes,
                .n_body_bytes = body.n_bytes,
                .limit_ms = config->webhook_limit_ms,
                .reply_max_bytes = CHANNEL_REPLY_MAX},
            on_answered, handover);
    buf_clear(&body);
}

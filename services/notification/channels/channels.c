#include "services/notification/channels/channels.h"

#include <assert.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/jwt/jwt_keys.h"
#include "common/net/http_client.h"
#include "common/net/loop.h"
#include "common/seal/sealed.h"
#include "services/notification/channels/channel.h"
#include "services/notification/channels/handover.h"
#include "services/notification/channels/vapid.h"
#include "services/notification/config.h"

enum { CONNECTIONS_MAX = 32 };

/* How many at once, but for mail, which has as many as it has lanes. */
static const int room[N_CHANNELS] = {[CHANNEL_PUSH] = 16, [CHANNEL_WEBHOOK] = 16};

static void on_turn(void *arg)
{
    struct channels *channels = arg;
    struct handover *handover = TAILQ_FIRST(&channels->running), *next;

    /* one begun by a `done` stands at the end, and is told in the next turn */
    for (struct handover *last = TAILQ_LAST(&channels->running, handovers); handover;
         handover = next) {
        next = handover == last ? NULL : TAILQ_NEXT(handover, link);
        if (handover->is_judged)
            handover_end(handover, handover->verdict);
    }
}

struct channels *channels_new(const struct channels_parts *parts, struct err *err)
{
    const struct config *config = parts->config;
    struct channels *channels = MEM_NEW(struct channels);

    if (!address_policy_read(config->user_address_ports, config->user_address_loopback,
                             &channels->policy, err) ||
        !mail_lanes_read(config->mail_bindings, &channels->mail_lanes, err)) {
        mem_free(channels);
        return NULL;
    }
    channels->parts = *parts;
    TAILQ_INIT(&channels->running);
    channels->client = http_client_new(parts->loop, CONNECTIONS_MAX);
    http_client_guard(channels->client, &channels->policy);
    channels->channel_keys = seal_keys_new();
    channels->link_keys = jwt_keys_new();
    channels->vapid = vapid_new(config->push_subject);
    channels->at_once = loop_timer_new(parts->loop, on_turn, channels);
    return channels;
}

void channels_free(struct channels *channels)
{
    const struct verdict closing = {SEND_AGAIN, "The service was closing.", 0};
    struct handover *handover;

    if (channels == NULL)
        return;
    channels->parts.on_back = NULL;
    http_client_free(channels->client); /* ends what it sends */
    while ((handover = TAILQ_FIRST(&channels->running)) != NULL)
        handover_end(handover, handover->is_judged ? handover->verdict : closing);
    loop_timer_free(channels->at_once);
    seal_keys_free(channels->channel_keys);
    jwt_keys_free(channels->link_keys);
    vapid_free(channels->vapid);
    mem_free(channels);
}

bool channels_set_channel_keys(struct channels *channels, const struct secret *secret,
                               struct err *err)
{
    return seal_keys_set(channels->channel_keys, secret, err);
}

bool channels_set_link_keys(struct channels *channels, const struct secret *secret, struct err *err)
{
    return jwt_keys_set(channels->link_keys, secret, err);
}

bool channels_set_push_key(struct channels *channels, const struct secret *secret, struct err *err)
{
    return vapid_set(channels->vapid, secret, err);
}

int channel_room(const struct channels *channels, int channel)
{
    assert(channel >= 0 && channel < N_CHANNELS);
    return (channel == CHANNEL_EMAIL ? channels->mail_lanes.n_lanes : room[channel]) -
           channels->n_running[channel];
}

bool channel_is_away(const struct channels *channels, int channel)
{
    const struct handover *handover = TAILQ_FIRST(&channels->running);

    while (handover != NULL && !(handover->is_told && handover->channel == channel))
        handover = TAILQ_NEXT(handover, link);
    return handover != NULL;
}

void channel_send(struct channels *channels, const struct outgoing *outgoing, channel_sent_fn *done,
                  void *arg)
{
    struct handover *handover = MEM_NEW(struct handover);
    int channel = outgoing->notification.channel;

    assert(channel_room(channels, channel) > 0);
    handover->channels = channels;
    handover->channel = channel;
    handover->done = done;
    handover->arg = arg;
    arena_init(&handover->arena);
    TAILQ_INSERT_TAIL(&channels->running, handover, link);
    channels->n_running[channel]++;
    if (channel == CHANNEL_EMAIL)
        mail_send(handover, outgoing);
    else if (channel == CHANNEL_PUSH)
        push_send(handover, outgoing);
    else
        webhook_send(handover, outgoing);
}

/* -------- for the files of this folder */

void handover_tell(struct handover *handover, struct verdict verdict)
{
    if (handover->is_told)
        return;
    handover->is_told = true;
    handover->done(handover->arg, verdict.outcome, verdict.reason, verdict.wait_ms);
}

void handover_end(struct handover *handover, struct verdict verdict)
{
    struct channels *channels = handover->channels;
    bool was_away = handover->is_told;

    TAILQ_REMOVE(&channels->running, handover, link);
    channels->n_running[handover->channel]--;
    if (handover->lane != NULL)
        handover->lane->is_taken = false;
    loop_timer_free(handover->timer);
    handover->timer = NULL;
    handover->channels = NULL;
    handover_tell(handover, verdict);
    arena_clear(&handover->arena);
    if (!handover->is_out)
        mem_free(handover);
    if (was_away && channels->parts.on_back != NULL)
        channels->parts.on_back(channels->parts.arg);
}

void handover_end_later(struct handover *handover, enum send_outcome outcome, const char *reason)
{
    handover->verdict = (struct verdict){outcome, reason, 0};
    handover->is_judged = true;
    loop_timer_start(handover->channels->at_once, 0);
}

void handover_fail_later(struct handover *handover, const struct err *err)
{
    if (err_is_transient(err))
        handover_end_later(handover, SEND_AGAIN, "The keys for it have not been read yet.");
    else
        handover_end_later(handover, SEND_NEVER, "The message could not be made.");
}

bool handover_open_address(struct handover *handover, const struct outgoing *outgoing,
                           const struct json_field *fields, size_t n_fields, void *address)
{
    const struct json_reading reading = {
        .fields = fields, .n_fields = n_fields, .unknown = JSON_IGNORE_UNKNOWN};
    const char *text = NULL;
    struct err err = {0};

    if (outgoing->sealed != NULL &&
        seal_open(handover->channels->channel_keys, outgoing->sealed, &handover->arena, &text,
                  &err) &&
        json_read(text, strlen(text), &reading, &handover->arena, address, &err))
        return true;
    if (err_is_transient(&err))
        handover_fail_later(handover, &err);
    else
        handover_end_later(handover, SEND_NEVER,
                           "The address cannot be read any more: remove it and add it anew.");
    return false;
}

bool handover_check_url(struct handover *handover, const char *url)
{
    struct err err = {0};

    if (address_check_url(&handover->channels->policy, url, "address", &err))
        return true;
    handover_end_later(handover, SEND_NEVER, arena_format(&handover->arena, "The %s.", err.text));
    return false;
}

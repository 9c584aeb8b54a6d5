/* services/notification/channels/mail.c — mail through the Dapr SMTP binding.
 *
 * That binding merges the fields of a call into one struct that all calls share, and composes the mail
 * from it: two at once can swap recipient and body. So each binding has one at a time (mail_lanes.h), with
 * every field in each call. When the sidecar gave no answer, the binding's next mail waits until it has
 * answered something else, and a moment more: a call may still wait in front of it, or it is away, and
 * trying mail after mail would only use up their attempts. */
#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/dapr/invoke.h"
#include "common/json/json_out.h"
#include "common/jwt/jwt_keys.h"
#include "common/net/loop.h"
#include "services/notification/channels/handover.h"
#include "services/notification/channels/mail_body.h"
#include "services/notification/channels/payload.h"
#include "services/notification/channels/words.h"
#include "services/notification/config.h"

enum {
    ADDRESS_MAX = 254, /* RFC 5321 §4.5.3.1.3 */
    LINK_LIFE_S = 7 * 24 * 3600,
    PROBE_LIMIT_MS = 2000,
    PROBE_AGAIN_MS = 500,
    REST_MS = 250, /* a call that is read now is composed long before that */
};

/* What a reminder's mail offers; the words of the token's claim `action`. */
static const struct {
    const char *action, *words;
} actions[] = {
    {"complete", "Complete"},
    {"snooze_10m", "Snooze 10 min"},
    {"snooze_1h", "Snooze 1 hour"},
    {"snooze_tomorrow", "Tomorrow morning"},
};
enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

/* The binding splits addresses at ";" and writes them into the head as they are. */
static bool is_mail_address(const char *address)
{
    size_t length = strlen(address);

    if (length == 0 || length > ADDRESS_MAX || strchr(address, '@') == NULL)
        return false;
    for (const char *c = address; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7F || strchr(";,<>\"()[]:\\", *c) != NULL)
            return false;
    return true;
}

static bool make_links(struct handover *handover, const struct outgoing *outgoing,
                       struct mail_link links[N_ACTIONS], struct err *err)
{
    const struct channels *channels = handover->channels;
    int64_t now_ms = clock_now_ms();

    for (int i = 0; i < N_ACTIONS; i++) {
        const struct uuid id = uuid_new(now_ms);
        const struct jwt_claims claims = {
            .audience = JWT_AUDIENCE_LINK,
            .subject = outgoing->owner_id.text,
            .id = id.text,
            .action = actions[i].action,
            .task_id = outgoing->notification.task_id.text,
            .reminder_id = outgoing->notification.reminder_id.text,
            .generation = outgoing->notification.generation,
            .seq = -1,
            .issued_at_s = now_ms / 1000,
            .expires_at_s = now_ms / 1000 + LINK_LIFE_S,
        };
        const char *token = NULL;

        if (!jwt_sign(channels->link_keys, &claims, &handover->arena, &token, err))
            return false;
        links[i].words = actions[i].words;
        links[i].url = arena_format(&handover->arena, "%s/api/v1/actions/%s",
                                    channels->parts.config->public_url, token);
    }
    return true;
}

/* Append the page as a JSON text. */
static bool write_data(struct handover *handover, const struct outgoing *outgoing, struct buf *data,
                       struct err *err)
{
    const struct channels_parts *parts = &handover->channels->parts;
    struct mail_link links[N_ACTIONS];
    struct mail_page page = {.outgoing = outgoing,
                             .zone = words_zone(parts->zones, outgoing),
                             .now_ms = clock_now_ms(),
                             .links = links};
    struct buf url, html;
    struct json_out out;

    if (outgoing->notification.kind == NOTIFICATION_REMINDER) {
        if (!make_links(handover, outgoing, links, err))
            return false;
        page.n_links = N_ACTIONS;
    }
    buf_init(&url);
    buf_init(&html);
    payload_write_url(outgoing, parts->config->public_url, &url);
    page.app_url = buf_text(&url);
    mail_write_page(&page, &html);
    json_out_init(&out, data);
    json_text(&out, NULL, buf_text(&html));
    buf_clear(&url);
    buf_clear(&html);
    return true;
}

static void write_metadata(const struct handover *handover, const struct outgoing *outgoing,
                           struct buf *metadata)
{
    struct json_out out;
    struct buf subject;

    buf_init(&subject);
    mail_write_subject(outgoing, &subject);
    json_out_init(&out, metadata);
    json_open_object(&out, NULL);
    json_text(&out, "emailFrom", handover->channels->parts.config->mail_from);
    json_text(&out, "emailTo", outgoing->email);
    json_text(&out, "subject", buf_text(&subject));
    json_text(&out, "priority", "3");
    json_close_object(&out);
    buf_clear(&subject);
}

/* -------- after a call that the sidecar did not answer */

/* It ends here when the channels ended first. */
static bool is_orphan(struct handover *handover)
{
    handover->is_out = false;
    if (handover->channels != NULL)
        return false;
    mem_free(handover);
    return true;
}

static void end_rested(void *arg)
{
    struct handover *handover = arg;

    handover_end(handover, handover->verdict);
}

static void wait_for(struct handover *handover, loop_fn *then, int64_t wait_ms)
{
    loop_timer_free(handover->timer);
    handover->timer = loop_timer_new(handover->channels->parts.loop, then, handover);
    loop_timer_start(handover->timer, wait_ms);
}

static void probe(void *arg);

/* What has ended needs no waiting for; the binding keeps its room until the sidecar answers. */
static void tell_unless_open(struct handover *handover, const struct err *err)
{
    if (err->code != ERR_TIMEOUT)
        handover_tell(handover, handover->verdict);
}

static void on_probed(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct handover *handover = arg;

    if (is_orphan(handover))
        return;
    if (answer != NULL) {
        wait_for(handover, end_rested, REST_MS);
        return;
    }
    tell_unless_open(handover, err);
    wait_for(handover, probe, PROBE_AGAIN_MS);
}

static void probe(void *arg)
{
    struct handover *handover = arg;

    handover->is_out = true;
    dapr_send(handover->channels->parts.dapr,
              &(struct dapr_request){
                  .method = HTTP_GET, .path = "/v1.0/healthz/outbound", .limit_ms = PROBE_LIMIT_MS},
              on_probed, handover);
}

/* -------- */

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct handover *handover = arg;

    if (is_orphan(handover))
        return;
    handover->verdict = verdict_of_mail(answer, err, &handover->arena);
    if (answer != NULL) {
        handover_end(handover, handover->verdict);
        return;
    }
    tell_unless_open(handover, err);
    wait_for(handover, probe, 0);
}

void mail_send(struct handover *handover, const struct outgoing *outgoing)
{
    const struct config *config = handover->channels->parts.config;
    struct buf data, metadata;
    struct err err = {0};

    if (outgoing->email == NULL || !is_mail_address(outgoing->email)) {
        handover_end_later(handover, SEND_NEVER,
                           "The mail address is not one that mail can be sent to.");
        return;
    }
    buf_init(&data);
    buf_init(&metadata);
    if (write_data(handover, outgoing, &data, &err)) {
        write_metadata(handover, outgoing, &metadata);
        handover->is_out = true;
        handover->lane = mail_lanes_take(&handover->channels->mail_lanes);
        dapr_invoke_binding(handover->channels->parts.dapr,
                            &(struct dapr_binding_call){.binding = handover->lane->binding,
                                                        .operation = "create",
                                                        .data_json = buf_text(&data),
                                                        .metadata_json = buf_text(&metadata),
                                                        .traceparent = outgoing->traceparent,
                                                        .limit_ms = config->mail_limit_ms},
                            on_answered, handover);
    } else {
        handover_fail_later(handover, &err);
    }
    buf_clear(&data);
    buf_clear(&metadata);
}

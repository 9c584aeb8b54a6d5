/* tests/unit/services/notification/channels_fixture.h — channels with a sidecar, and a server for pushes and
 * webhooks, of the test's own: what they get, and what becomes of it. */
#ifndef TESTS_UNIT_SERVICES_NOTIFICATION_CHANNELS_FIXTURE_H
#define TESTS_UNIT_SERVICES_NOTIFICATION_CHANNELS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/dapr/dapr.h"
#include "common/dapr/secrets.h"
#include "common/jwt/jwt_keys.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "common/seal/sealed.h"
#include "services/notification/channels/channel.h"
#include "services/notification/channels/channels.h"
#include "services/notification/config.h"
#include "tests/unit/support/fake_sidecar.h"
#include "tests/unit/support/net_peer.h"

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char OWNER[] = "01a1fdb8-e8ee-7106-b9b2-00000000000a";
static const char TASK[] = "01a1fdb8-e8ee-7106-b9b2-00000000000b";
static const char REMINDER[] = "01a1fdb8-e8ee-7106-b9b2-00000000000c";
static const char DELIVERY[] = "01a1fdb8-e8ee-7106-b9b2-00000000000d";
static const char WEBHOOK_SECRET[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char P256DH[] =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

struct world {
    struct loop *loop;
    struct fake_sidecar *sidecar;
    struct dapr *dapr;
    struct http_server *server;
    struct config config;
    struct channels *channels;
    struct seal_keys *seal;
    struct jwt_keys *jwt;
    struct arena arena;

    int answer_status; /* of our server; 0: none */
    const char *retry_after;
    struct http_request *unanswered;
    int n_requests;
    struct buf request_body;
    char headers[10][400];

    int n_done;
    enum send_outcome outcome;
    char reason[400];
    int64_t wait_ms;
};

/* -------- our server: webhook and push service */

static const char *const header_names[] = {"webhook-id",        "webhook-timestamp",
                                           "webhook-signature", "content-type",
                                           "content-encoding",  "ttl",
                                           "urgency",           "topic",
                                           "authorization",     "user-agent"};
enum { N_HEADERS = sizeof header_names / sizeof header_names[0] };

static inline void receive(void *context, struct http_request *req)
{
    struct world *w = context;
    size_t n_bytes;
    const char *body = http_body(req, &n_bytes);

    w->n_requests++;
    buf_reset(&w->request_body);
    buf_add(&w->request_body, body, n_bytes);
    for (size_t i = 0; i < N_HEADERS; i++) {
        const char *value = http_header(req, header_names[i]);

        snprintf(w->headers[i], sizeof w->headers[i], "%s", value != NULL ? value : "-");
    }
    if (w->retry_after != NULL)
        http_add_header(req, "Retry-After", w->retry_after);
    if (w->answer_status / 100 == 3)
        http_add_header(req, "Location", "/hook");
    if (w->answer_status != 0)
        http_reply_empty(req, w->answer_status);
    else
        w->unanswered = req;
}

static inline const char *header(const struct world *w, const char *name)
{
    for (size_t i = 0; i < N_HEADERS; i++)
        if (strcmp(header_names[i], name) == 0)
            return w->headers[i];
    fail_msg("%s", name);
    return NULL;
}

static const struct route routes[] = {{HTTP_POST, "/hook", receive}};

/* -------- */

static inline void give_keys(struct world *w)
{
    struct secret_pair pairs[] = {{"active", "k1"}, {"k1", KEY}};
    struct secret_pair push[] = {
        {"private", "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"},
        {"public",
         "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBr"
         "u3jl7A8"}};
    const struct secret secret = {pairs, 2}, push_secret = {push, 2};
    struct err err = {0};

    assert_true(channels_set_channel_keys(w->channels, &secret, &err));
    assert_true(channels_set_link_keys(w->channels, &secret, &err));
    assert_true(channels_set_push_key(w->channels, &push_secret, &err));
    assert_true(seal_keys_set(w->seal, &secret, &err));
    assert_true(jwt_keys_set(w->jwt, &secret, &err));
}

static inline void open_channels(struct world *w, bool allows_loopback)
{
    const struct channels_parts parts = {.loop = w->loop, .dapr = w->dapr, .config = &w->config};
    struct err err = {0};

    channels_free(w->channels);
    w->config.user_address_loopback = allows_loopback;
    w->channels = channels_new(&parts, &err);
    assert_non_null(w->channels);
}

static inline int set_up(void **state)
{
    struct world *w = MEM_NEW(struct world);
    struct http_server_config config = {.name = "peer",
                                        .address = "127.0.0.1",
                                        .limits = {64, 5000, 5000, 5000, 16384, 4194304},
                                        .routes = routes,
                                        .n_routes = 1,
                                        .context = w};
    struct err err;

    w->loop = loop_new();
    config.loop = w->loop;
    w->server = http_server_new(&config, &err);
    w->sidecar = fake_sidecar_new(w->loop);
    w->dapr = dapr_new(&(struct dapr_config){.port = fake_sidecar_port(w->sidecar),
                                             .api_token = "a token of the test",
                                             .app_id = "notification",
                                             .loop = w->loop});
    w->config = (struct config){.mail_bindings = "mail,mail-2",
                                .mail_from = "todo-app <reminders@localhost>",
                                .public_url = "http://localhost:8080",
                                .push_subject = "mailto:admin@localhost",
                                .mail_limit_ms = 120000,
                                .push_limit_ms = 120000,
                                .webhook_limit_ms = 120000,
                                .reminder_age_max_s = 86400,
                                .user_address_ports = "443"};
    w->seal = seal_keys_new();
    w->jwt = jwt_keys_new();
    arena_init(&w->arena);
    open_channels(w, true);
    give_keys(w);
    w->answer_status = 201;
    *state = w;
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;

    channels_free(w->channels);
    dapr_free(w->dapr);
    if (w->unanswered != NULL)
        http_reply_empty(w->unanswered, 200);
    http_server_free(w->server);
    fake_sidecar_free(w->sidecar);
    net_turn(w->loop, 3);
    loop_free(w->loop);
    seal_keys_free(w->seal);
    jwt_keys_free(w->jwt);
    arena_clear(&w->arena);
    buf_clear(&w->request_body);
    mem_free(w);
    return 0;
}

static inline void on_sent(void *arg, enum send_outcome outcome, const char *reason,
                           int64_t wait_ms)
{
    struct world *w = arg;

    w->n_done++;
    w->outcome = outcome;
    w->wait_ms = wait_ms;
    snprintf(w->reason, sizeof w->reason, "%s", reason != NULL ? reason : "");
    assert_true((outcome == SEND_DONE) == (reason == NULL));
}

static inline bool is_done(void *arg)
{
    return ((struct world *)arg)->n_done > 0;
}

static inline struct outgoing message_for(int channel)
{
    struct outgoing outgoing = {.notification = {.kind = NOTIFICATION_REMINDER,
                                                 .generation = 1,
                                                 .channel = channel,
                                                 .title = "Water \"the\" <plants>",
                                                 .remind_at = INT64_C(1795262400000),
                                                 .attempts = 1},
                                .email = "a@example.com",
                                .name = "A",
                                .due_at = INT64_C(1795266000000)};

    snprintf(outgoing.notification.id.text, UUID_TEXT_SIZE, "%s", DELIVERY);
    snprintf(outgoing.notification.task_id.text, UUID_TEXT_SIZE, "%s", TASK);
    snprintf(outgoing.notification.reminder_id.text, UUID_TEXT_SIZE, "%s", REMINDER);
    snprintf(outgoing.owner_id.text, UUID_TEXT_SIZE, "%s", OWNER);
    return outgoing;
}

static inline void begin(struct world *w, const struct outgoing *outgoing)
{
    int n_before = w->n_done;

    channel_send(w->channels, outgoing, on_sent, w);
    assert_int_equal(w->n_done, n_before); /* never before returning */
}

static inline void deliver(struct world *w, const struct outgoing *outgoing)
{
    w->n_done = 0;
    begin(w, outgoing);
    net_turn_until(w->loop, is_done, w);
    assert_int_equal(w->n_done, 1);
}

static inline const char *seal(struct world *w, const char *text)
{
    const char *sealed = NULL;
    struct err err = {0};

    assert_true(seal_text(w->seal, text, &w->arena, &sealed, &err));
    return sealed;
}

static inline const char *sealed_webhook(struct world *w, const char *url)
{
    return seal(w,
                arena_format(&w->arena, "{\"url\":\"%s\",\"secret\":\"%s\"}", url, WEBHOOK_SECRET));
}

static inline const char *here(struct world *w)
{
    return arena_format(&w->arena, "http://127.0.0.1:%d/hook", http_server_port(w->server));
}

static inline struct outgoing webhook_message(struct world *w)
{
    struct outgoing outgoing = message_for(CHANNEL_WEBHOOK);

    outgoing.sealed = sealed_webhook(w, here(w));
    return outgoing;
}

static inline struct outgoing push_message(struct world *w)
{
    struct outgoing outgoing = message_for(CHANNEL_PUSH);

    outgoing.sealed = seal(w, arena_format(&w->arena,
                                           "{\"endpoint\":\"%s\",\"p256dh\":\"%s\","
                                           "\"auth\":\"BTBZMqHH6r4Tts7J_aSIgg\"}",
                                           here(w), P256DH));
    return outgoing;
}

#endif

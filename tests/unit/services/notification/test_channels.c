/* tests/unit/services/notification/test_channels.c — webhooks and pushes, and what all channels share. */
#include "services/notification/channels/webhook_sign.h"
#include "tests/unit/services/notification/channels_fixture.h"

/* -------- webhook */

static void test_a_webhook_gets_a_signed_body(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = webhook_message(w);
    long long at_s = 0;

    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_DONE);
    assert_string_equal(header(w, "webhook-id"), DELIVERY);
    assert_int_equal(sscanf(header(w, "webhook-timestamp"), "%lld", &at_s), 1);
    assert_true(llabs(at_s - clock_now_ms() / 1000) <= 120);
    assert_string_equal(header(w, "webhook-signature"),
                        webhook_sign(WEBHOOK_SECRET, DELIVERY, at_s, &w->request_body, &w->arena));
    assert_string_equal(header(w, "content-type"), "application/json");
    assert_string_equal(
        buf_text(&w->request_body),
        "{\"type\":\"reminder\",\"timestamp\":\"2026-11-21T12:00:00.000Z\",\"data\":{"
        "\"id\":\"01a1fdb8-e8ee-7106-b9b2-00000000000d\",\"kind\":\"reminder\","
        "\"title\":\"Water \\\"the\\\" <plants>\","
        "\"url\":\"http://localhost:8080/tasks/01a1fdb8-e8ee-7106-b9b2-00000000000b\","
        "\"task_id\":\"01a1fdb8-e8ee-7106-b9b2-00000000000b\","
        "\"reminder_id\":\"01a1fdb8-e8ee-7106-b9b2-00000000000c\","
        "\"remind_at\":\"2026-11-21T12:00:00.000Z\",\"due_at\":\"2026-11-21T13:00:00.000Z\","
        "\"late_ms\":0,\"time_zone\":null}}");
}

static void test_a_webhooks_answer_decides(void **state)
{
    static const struct {
        int status;
        const char *retry_after;
        enum send_outcome outcome;
        int64_t wait_ms;
    } cases[] = {
        {204, NULL, SEND_DONE, 0},  {302, NULL, SEND_AGAIN, 0},     {404, NULL, SEND_AGAIN, 0},
        {410, NULL, SEND_GONE, 0},  {429, "30", SEND_AGAIN, 30000}, {503, "1", SEND_AGAIN, 1000},
        {500, NULL, SEND_AGAIN, 0},
    };
    struct world *w = *state;
    const struct outgoing outgoing = webhook_message(w);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        w->answer_status = cases[i].status;
        w->retry_after = cases[i].retry_after;
        deliver(w, &outgoing);
        assert_int_equal(w->outcome, cases[i].outcome);
        assert_int_equal(w->wait_ms, cases[i].wait_ms);
    }
    assert_int_equal(w->n_requests, sizeof cases / sizeof cases[0]); /* no redirect followed */
}

static void test_a_webhook_that_hangs_ends_at_the_limit(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = webhook_message(w);

    w->answer_status = 0;
    w->config.webhook_limit_ms = 100;
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_AGAIN);
    assert_string_equal(w->reason, "The webhook did not answer in time.");
}

static void test_a_webhook_that_is_away_is_tried_again(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = webhook_message(w);

    http_server_free(w->server);
    w->server = NULL;
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_AGAIN);
    assert_string_equal(w->reason, "The webhook could not be reached.");
}

static void test_addresses_inside_are_refused_at_use(void **state)
{
    static const char *const urls[] = {
        "https://127.0.0.1/", "https://localhost/",   "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",     "https://0x7f.1/",      "http://example.com/",
        "https://10.0.0.1/",  "https://a@b.example/",
    };
    struct world *w = *state;
    struct outgoing outgoing = message_for(CHANNEL_WEBHOOK);

    open_channels(w, false);
    give_keys(w);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        outgoing.sealed = sealed_webhook(w, urls[i]);
        deliver(w, &outgoing);
        assert_int_equal(w->outcome, SEND_NEVER);
        assert_memory_equal(w->reason, "The address: ", 13);
    }
    assert_int_equal(w->n_requests, 0);
}

static void test_an_address_that_does_not_open_is_never_reached(void **state)
{
    struct world *w = *state;
    const char *const sealed[] = {"k1.AAAA",
                                  "",
                                  NULL,
                                  seal(w, "{}"),
                                  seal(w, "no JSON"),
                                  seal(w, "{\"url\":\"https://a.example/\",\"secret\":\"short\"}")};
    struct outgoing outgoing = message_for(CHANNEL_WEBHOOK);

    for (size_t i = 0; i < sizeof sealed / sizeof sealed[0]; i++) {
        outgoing.sealed = sealed[i];
        deliver(w, &outgoing);
        assert_int_equal(w->outcome, SEND_NEVER);
        assert_string_equal(w->reason,
                            "The address cannot be read any more: remove it and add it anew.");
    }
}

static void test_without_keys_everything_waits(void **state)
{
    struct world *w = *state;
    const struct outgoing webhook = webhook_message(w), push = push_message(w),
                          mail = message_for(CHANNEL_EMAIL);

    open_channels(w, true);
    deliver(w, &webhook);
    assert_int_equal(w->outcome, SEND_AGAIN);
    deliver(w, &push);
    assert_int_equal(w->outcome, SEND_AGAIN);
    deliver(w, &mail);
    assert_int_equal(w->outcome, SEND_AGAIN);
    assert_string_equal(w->reason, "The keys for it have not been read yet.");
    assert_int_equal(w->n_requests + (int)fake_sidecar_n_calls(w->sidecar), 0);
}

/* -------- push */

static void test_a_push_service_gets_a_sealed_message(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = push_message(w);

    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_DONE);
    assert_string_equal(header(w, "content-encoding"), "aes128gcm");
    assert_string_equal(header(w, "ttl"), "86400");
    assert_string_equal(header(w, "urgency"), "high");
    assert_string_equal(header(w, "topic"), "01a1fdb8e8ee7106b9b200000000000d");
    assert_memory_equal(header(w, "authorization"), "vapid t=ey", 10);
    assert_true(w->request_body.n_bytes > 103 && w->request_body.n_bytes <= 4096);
    assert_int_equal((unsigned char)w->request_body.bytes[20], 65);
}

static void test_a_push_services_answer_decides(void **state)
{
    static const struct {
        int status;
        enum send_outcome outcome;
    } cases[] = {{200, SEND_DONE},  {404, SEND_GONE},  {410, SEND_GONE},
                 {413, SEND_NEVER}, {403, SEND_NEVER}, {429, SEND_AGAIN}};
    struct world *w = *state;
    const struct outgoing outgoing = push_message(w);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        w->answer_status = cases[i].status;
        deliver(w, &outgoing);
        assert_int_equal(w->outcome, cases[i].outcome);
    }
}

static void test_the_longest_title_still_fits_a_push(void **state)
{
    struct world *w = *state;
    struct outgoing outgoing = push_message(w);
    char title[500 * 4 + 1];

    for (size_t i = 0; i < 500; i++)
        memcpy(title + 4 * i, "\xF0\x9F\x8C\xB1", 5);
    outgoing.notification.title = title;
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_DONE);
    memset(title, '"', 500);
    title[500] = '\0';
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_DONE);
}

static void test_a_subscription_with_a_bad_key_is_never_sent_to(void **state)
{
    struct world *w = *state;
    struct outgoing outgoing = message_for(CHANNEL_PUSH);

    outgoing.sealed = seal(w, arena_format(&w->arena,
                                           "{\"endpoint\":\"%s\",\"p256dh\":\"AAAA\","
                                           "\"auth\":\"BTBZMqHH6r4Tts7J_aSIgg\"}",
                                           here(w)));
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_NEVER);
    assert_int_equal(w->n_requests, 0);
}

static void test_room_is_taken_and_given_back(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = push_message(w);

    assert_int_equal(channel_room(w->channels, CHANNEL_EMAIL), 2);
    assert_int_equal(channel_room(w->channels, CHANNEL_WEBHOOK), 16);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(channel_room(w->channels, CHANNEL_PUSH), 16 - i);
        begin(w, &outgoing);
    }
    assert_int_equal(channel_room(w->channels, CHANNEL_PUSH), 0);
    while (w->n_done < 16)
        net_turn(w->loop, 1);
    assert_int_equal(channel_room(w->channels, CHANNEL_PUSH), 16);
}

/* -------- the end */

static void test_ending_the_channels_ends_every_send_once(void **state)
{
    struct world *w = *state;
    const struct outgoing mail = message_for(CHANNEL_EMAIL), push = push_message(w),
                          webhook = webhook_message(w);
    struct outgoing bad = message_for(CHANNEL_WEBHOOK);

    w->answer_status = 0;
    fake_sidecar_answer(w->sidecar, 0, NULL, NULL);
    begin(w, &mail);
    begin(w, &push);
    begin(w, &webhook);
    begin(w, &bad); /* judged, not told yet */
    channels_free(w->channels);
    w->channels = NULL;
    assert_int_equal(w->n_done, 4);
    net_turn(w->loop, 5);
    assert_int_equal(w->n_done, 4);
}

static void test_a_bad_list_of_ports_is_a_mistake_in_the_settings(void **state)
{
    struct world *w = *state;
    const struct channels_parts parts = {.loop = w->loop, .dapr = w->dapr, .config = &w->config};
    struct err err = {0};

    w->config.user_address_ports = "443,x";
    assert_null(channels_new(&parts, &err));
    assert_non_null(strstr(err.text, "USER_ADDRESS_PORTS"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_webhook_gets_a_signed_body),
        TEST(test_a_webhooks_answer_decides),
        TEST(test_a_webhook_that_hangs_ends_at_the_limit),
        TEST(test_a_webhook_that_is_away_is_tried_again),
        TEST(test_addresses_inside_are_refused_at_use),
        TEST(test_an_address_that_does_not_open_is_never_reached),
        TEST(test_without_keys_everything_waits),
        TEST(test_a_push_service_gets_a_sealed_message),
        TEST(test_a_push_services_answer_decides),
        TEST(test_the_longest_title_still_fits_a_push),
        TEST(test_a_subscription_with_a_bad_key_is_never_sent_to),
        TEST(test_room_is_taken_and_given_back),
        TEST(test_ending_the_channels_ends_every_send_once),
        TEST(test_a_bad_list_of_ports_is_a_mistake_in_the_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

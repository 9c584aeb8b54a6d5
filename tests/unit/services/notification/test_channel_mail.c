/* tests/unit/services/notification/test_channel_mail.c — mail through the bindings: one at a time each, every field, signed links. */
#include "tests/unit/services/notification/channels_fixture.h"

static void expect_link(struct world *w, const char *body, const char *action)
{
    static const char prefix[] = "http://localhost:8080/api/v1/actions/";
    const char *at = body;

    while ((at = strstr(at, prefix)) != NULL) {
        struct jwt_claims claims = {.audience = JWT_AUDIENCE_LINK};
        struct err err = {0};

        at += sizeof prefix - 1;
        const char *token = arena_copy_bytes(&w->arena, at, strcspn(at, "\\\""));

        if (!jwt_verify(w->jwt, token, clock_now_ms(), &w->arena, &claims, &err))
            fail_msg("%s: %s", token, err.text);
        assert_string_equal(claims.subject, OWNER);
        assert_string_equal(claims.task_id, TASK);
        assert_string_equal(claims.reminder_id, REMINDER);
        assert_int_equal(claims.generation, 1);
        assert_non_null(claims.id);
        assert_int_equal(claims.expires_at_s - claims.issued_at_s, 7 * 86400);
        if (strcmp(claims.action, action) == 0)
            return;
    }
    fail_msg("no link %s", action);
}

static void test_a_mail_goes_through_the_binding_with_every_field(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = message_for(CHANNEL_EMAIL);

    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_DONE);
    const struct fake_call *call = fake_sidecar_call(w->sidecar, 0);

    assert_string_equal(call->path, "/v1.0/bindings/mail");
    assert_non_null(strstr(call->body, "{\"operation\":\"create\",\"data\":\"<!DOCTYPE html>"));
    assert_non_null(strstr(call->body,
                           "\"metadata\":{\"emailFrom\":\"todo-app <reminders@localhost>\","
                           "\"emailTo\":\"a@example.com\","
                           "\"subject\":\"Reminder: Water \\\"the\\\" <plants>\","
                           "\"priority\":\"3\"}}"));
    assert_non_null(strstr(call->body, DELIVERY));
    expect_link(w, call->body, "complete");
    expect_link(w, call->body, "snooze_10m");
    expect_link(w, call->body, "snooze_1h");
    expect_link(w, call->body, "snooze_tomorrow");
}

static void test_addresses_that_the_binding_would_split_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "a@b.example;c@d.example",
                                      "a@b.example,c@d.example",
                                      "a@b.example\r\nBcc: c@d.example",
                                      "a@b.example\nx",
                                      "A <a@b.example>",
                                      "\"a\"@b.example",
                                      "a b@c.example",
                                      NULL};
    struct world *w = *state;
    struct outgoing outgoing = message_for(CHANNEL_EMAIL);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        outgoing.email = bad[i];
        deliver(w, &outgoing);
        assert_int_equal(w->outcome, SEND_NEVER);
    }
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 0);
}

static void test_a_permanent_reply_to_a_mail_is_for_good(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = message_for(CHANNEL_EMAIL);

    fake_sidecar_answer(
        w->sidecar, 500, "application/json",
        "{\"errorCode\":\"ERR_INVOKE_OUTPUT_BINDING\",\"message\":\"error invoking "
        "output binding mail: error from smtp binding, sending email failed: gomail: "
        "could not send email 1: 550 5.1.1 unknown\"}");
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_NEVER);
    assert_string_equal(w->reason, "The mail server refused it (550): there is no such mailbox.");
}

static void test_a_mail_that_is_not_answered_holds_back_the_next(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = message_for(CHANNEL_EMAIL);
    int64_t began = clock_monotonic_ms();

    w->config.mail_limit_ms = 100;
    fake_sidecar_answer(w->sidecar, 0, NULL, NULL);
    w->n_done = 0;
    begin(w, &outgoing);
    assert_int_equal(channel_room(w->channels, CHANNEL_EMAIL), 1);
    net_turn_until(w->loop, is_done, w);
    assert_int_equal(w->outcome, SEND_AGAIN);
    assert_string_equal(w->reason, "What sends our mail did not answer in time.");
    /* it asked for something else, and waited a moment */
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 2);
    assert_string_equal(fake_sidecar_call(w->sidecar, 1)->path, "/v1.0/healthz/outbound");
    assert_true(clock_monotonic_ms() - began >= 350);
    assert_int_equal(channel_room(w->channels, CHANNEL_EMAIL), 2);
}

static void test_a_binding_has_one_mail_at_a_time(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = message_for(CHANNEL_EMAIL);
    const char *first, *second;

    w->n_done = 0;
    begin(w, &outgoing);
    begin(w, &outgoing);
    assert_int_equal(channel_room(w->channels, CHANNEL_EMAIL), 0);
    while (w->n_done < 2)
        net_turn(w->loop, 1);
    first = fake_sidecar_call(w->sidecar, 0)->path;
    second = fake_sidecar_call(w->sidecar, 1)->path;
    assert_string_not_equal(first, second);
    assert_int_equal(channel_room(w->channels, CHANNEL_EMAIL), 2);
}

static void test_a_sidecar_that_is_gone_gets_no_next_mail(void **state)
{
    struct world *w = *state;
    const struct outgoing outgoing = message_for(CHANNEL_EMAIL);

    fake_sidecar_free(w->sidecar);
    w->sidecar = fake_sidecar_new(w->loop); /* elsewhere */
    deliver(w, &outgoing);
    assert_int_equal(w->outcome, SEND_AGAIN);
    assert_string_equal(w->reason, "What sends our mail could not be reached.");
    assert_int_equal(w->n_done, 1);
    assert_int_equal(channel_room(w->channels, CHANNEL_EMAIL), 1);
    assert_true(channel_is_away(w->channels, CHANNEL_EMAIL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_mail_goes_through_the_binding_with_every_field),
        TEST(test_addresses_that_the_binding_would_split_are_refused),
        TEST(test_a_permanent_reply_to_a_mail_is_for_good),
        TEST(test_a_mail_that_is_not_answered_holds_back_the_next),
        TEST(test_a_binding_has_one_mail_at_a_time),
        TEST(test_a_sidecar_that_is_gone_gets_no_next_mail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

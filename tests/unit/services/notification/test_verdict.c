/* tests/unit/services/notification/test_verdict.c — what becomes of a send, by what came back. */
#include "services/notification/channels/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/http_client.h"

struct row {
    int status;
    enum send_outcome outcome;
    const char *reason;
};

typedef struct verdict verdict_fn(const struct http_answer *answer, const struct err *err,
                                  struct arena *arena);

static void expect(const struct verdict *verdict, const struct row *row)
{
    if (verdict->outcome != row->outcome)
        fail_msg("%d: %d, %s", row->status, (int)verdict->outcome,
                 verdict->reason != NULL ? verdict->reason : "");
    if (row->reason == NULL)
        assert_null(verdict->reason);
    else
        assert_string_equal(verdict->reason, row->reason);
}

static void expect_rows(verdict_fn *judge, const struct row *rows, size_t n_rows)
{
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < n_rows; i++) {
        const struct http_answer answer = {.status = rows[i].status, .retry_after_ms = 7000};
        const struct verdict verdict = judge(&answer, NULL, &arena);

        expect(&verdict, &rows[i]);
        if (rows[i].outcome == SEND_AGAIN)
            assert_int_equal(verdict.wait_ms, 7000);
    }
    arena_clear(&arena);
}

static void test_a_push_service_says_done_gone_again_or_never(void **state)
{
    static const struct row rows[] = {
        {200, SEND_DONE, NULL},
        {201, SEND_DONE, NULL},
        {202, SEND_DONE, NULL},
        {204, SEND_DONE, NULL},
        {404, SEND_GONE, "The browser is no longer subscribed."},
        {410, SEND_GONE, "The browser is no longer subscribed."},
        {408, SEND_AGAIN, "The push service refused it for now (408)."},
        {429, SEND_AGAIN, "The push service refused it for now (429)."},
        {500, SEND_AGAIN, "The push service refused it for now (500)."},
        {503, SEND_AGAIN, "The push service refused it for now (503)."},
        {301, SEND_NEVER, "The push service refused it (301)."},
        {307, SEND_NEVER, "The push service refused it (307)."},
        {400, SEND_NEVER, "The push service refused it (400)."},
        {401, SEND_NEVER, "The push service refused it (401)."},
        {403, SEND_NEVER, "The push service refused it (403)."},
        {413, SEND_NEVER, "The push service refused it (413)."},
    };

    (void)state;
    expect_rows(verdict_of_push, rows, sizeof rows / sizeof rows[0]);
}

static void test_a_webhook_says_done_gone_or_again(void **state)
{
    static const struct row rows[] = {
        {200, SEND_DONE, NULL},
        {204, SEND_DONE, NULL},
        {299, SEND_DONE, NULL},
        {301, SEND_AGAIN, "The webhook answered with a redirect (301); those are not followed."},
        {400, SEND_AGAIN, "The webhook refused it (400)."},
        {404, SEND_AGAIN, "The webhook refused it (404)."},
        {410, SEND_GONE, "The webhook wants no more messages (410)."},
        {429, SEND_AGAIN, "The webhook refused it (429)."},
        {502, SEND_AGAIN, "The webhook refused it (502)."},
    };

    (void)state;
    expect_rows(verdict_of_webhook, rows, sizeof rows / sizeof rows[0]);
}

static void test_a_call_without_an_answer_says_why(void **state)
{
    static const struct {
        enum err_code code;
        enum send_outcome outcome;
        const char *reason;
    } rows[] = {
        {ERR_TIMEOUT, SEND_AGAIN, "The webhook did not answer in time."},
        {ERR_UNAVAILABLE, SEND_AGAIN, "The webhook could not be reached."},
        {ERR_TOO_LARGE, SEND_AGAIN, "The webhook answered with more than we read."},
        {ERR_INTERNAL, SEND_AGAIN, "The webhook could not be reached."},
        {ERR_FORBIDDEN, SEND_NEVER, "Its address is not one of the public internet."},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct err err = {.code = rows[i].code, .text = "Failed to connect to 10.0.0.7"};
        const struct verdict verdict = verdict_of_webhook(NULL, &err, &arena);

        expect(&verdict, &(struct row){0, rows[i].outcome, rows[i].reason});
        assert_int_equal(verdict_of_push(NULL, &err, &arena).outcome, rows[i].outcome);
    }
    arena_clear(&arena);
}

/* As daprd 1.18.2 and components-contrib 1.18.3 word it. */
#define BINDING                                                                                    \
    "error invoking output binding mail: error from smtp binding, sending email failed: "
#define MAIL BINDING "gomail: could not send email 1: "

static void test_a_mail_servers_reply_decides(void **state)
{
    static const char refused[] = "The mail server refused it";
    static const struct {
        const char *message;
        enum send_outcome outcome;
        const char *reason;
    } rows[] = {
        {MAIL "550 \\\"5.1.1 <a@b.example>: no such user\\\"", SEND_NEVER,
         " (550): there is no such mailbox."},
        {MAIL "550 \\\"5.1.1 multi\\\\n5.1.1 line\\\"", SEND_NEVER,
         " (550): there is no such mailbox."},
        {MAIL "450 \\\"4.2.1 later\\\"", SEND_AGAIN, " for now (450)."},
        {MAIL "553 \\\"\\\"", SEND_NEVER, " (553)."},
        {MAIL "550 5.1.1 <a@b.example>: no such user", SEND_NEVER,
         " (550): there is no such mailbox."},
        {MAIL "550 No such user here", SEND_NEVER, " (550)."},
        {MAIL "552 5.2.2 full", SEND_NEVER, " (552): the mailbox is full."},
        {MAIL "554 5.7.1 spam", SEND_NEVER, " (554): it does not want this mail."},
        {MAIL "556 5.1.10 null mx", SEND_NEVER, " (556): it takes no mail."},
        {MAIL "553", SEND_NEVER, " (553)."},
        {MAIL "550 5.1.11 other", SEND_NEVER, " (550)."},
        {MAIL "421 4.3.2 shutting down", SEND_AGAIN, " for now (421)."},
        {MAIL "450 4.2.1 later", SEND_AGAIN, " for now (450)."},
        {MAIL "451 4.7.1 greylisted", SEND_AGAIN, " for now (451)."},
        {MAIL "452 4.2.2 full", SEND_AGAIN, " for now (452): the mailbox is full."},
        {MAIL "530 5.7.0 Authentication required", SEND_AGAIN, " for now (530)."},
        {MAIL "535 5.7.8 bad", SEND_AGAIN, " for now (535)."},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct err err = {.code = ERR_UNAVAILABLE};
        const char *body = arena_format(&arena,
                                        "{\"errorCode\":\"ERR_INVOKE_OUTPUT_BINDING\","
                                        "\"message\":\"%s\"}",
                                        rows[i].message);
        const struct http_answer answer = {.status = 500, .body = body, .n_bytes = strlen(body)};
        const struct verdict verdict = verdict_of_mail(&answer, &err, &arena);

        expect(&verdict, &(struct row){(int)i, rows[i].outcome,
                                       arena_format(&arena, "%s%s", refused, rows[i].reason)});
    }
    arena_clear(&arena);
}

static void test_what_fails_before_the_mail_is_tried_again(void **state)
{
    static const struct {
        const char *body;
        enum send_outcome outcome;
        const char *reason;
    } rows[] = {
        {"{\"message\":\"" BINDING "dial tcp 127.0.0.1:25: connect: connection refused\"}",
         SEND_AGAIN, "The mail server could not be reached."},
        {"{\"message\":\"" BINDING "554 5.3.2 no service here\"}", SEND_AGAIN,
         "The mail server could not be reached."},
        {"{\"message\":\"" BINDING "535 5.7.8 bad password\"}", SEND_AGAIN,
         "The mail server could not be reached."},
        {"{\"message\":\"" MAIL "EOF\"}", SEND_AGAIN,
         "The mail server did not take it to the end."},
        {"{\"message\":\"" MAIL "\"}", SEND_AGAIN, "The mail server did not take it to the end."},
        {"{\"message\":\"" MAIL "5500 x\"}", SEND_AGAIN,
         "The mail server did not take it to the end."},
        {"{\"message\":\"" MAIL "gomail: invalid address \\\"a@b, c@d\\\": mail: x\"}", SEND_NEVER,
         "The mail address is not one that mail can be sent to."},
        {"{\"message\":\"couldn't find output binding mail\"}", SEND_AGAIN,
         "The mail server could not be reached."},
        {"{\"message\":\"error invoking output binding mail: context deadline exceeded\"}",
         SEND_AGAIN, "The mail server did not answer in time."},
        {"timeout", SEND_AGAIN, "The mail server could not be reached."},
        {"", SEND_AGAIN, "The mail server could not be reached."},
        {"{\"message\":7}", SEND_AGAIN, "The mail server could not be reached."},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct err err = {.code = ERR_UNAVAILABLE};
        const struct http_answer answer = {
            .status = 500, .body = rows[i].body, .n_bytes = strlen(rows[i].body)};
        const struct verdict verdict = verdict_of_mail(&answer, &err, &arena);

        expect(&verdict, &(struct row){(int)i, rows[i].outcome, rows[i].reason});
    }
    const struct err late = {.code = ERR_TIMEOUT};
    struct verdict verdict = verdict_of_mail(NULL, &late, &arena);

    expect(&verdict, &(struct row){0, SEND_AGAIN, "What sends our mail did not answer in time."});
    verdict = verdict_of_mail(&(struct http_answer){.status = 204}, NULL, &arena);
    expect(&verdict, &(struct row){204, SEND_DONE, NULL});
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_push_service_says_done_gone_again_or_never),
        cmocka_unit_test(test_a_webhook_says_done_gone_or_again),
        cmocka_unit_test(test_a_call_without_an_answer_says_why),
        cmocka_unit_test(test_a_mail_servers_reply_decides),
        cmocka_unit_test(test_what_fails_before_the_mail_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

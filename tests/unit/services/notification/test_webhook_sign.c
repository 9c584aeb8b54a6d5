/* tests/unit/services/notification/test_webhook_sign.c — the vector of the Standard Webhooks libraries. */
#include "services/notification/channels/webhook_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* 72 bytes */
#define LONG_SECRET                                                                                \
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"                       \
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static const char *sign(const char *secret, const char *body, struct arena *arena)
{
    struct buf buf;

    buf_init(&buf);
    buf_add_text(&buf, body);
    const char *mark =
        webhook_sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, &buf, arena);

    buf_clear(&buf);
    return mark;
}

static void test_the_known_message_has_its_known_signature(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    assert_string_equal(
        sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{\"test\": 2432232314}", &arena),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_string_not_equal(
        sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{\"test\": 2432232315}", &arena),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    arena_clear(&arena);
}

static void test_a_secret_has_its_prefix_and_24_to_64_bytes(void **state)
{
    static const char *const bad[] = {
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", /* 23 bytes */
        "whsec_!!!!",
        LONG_SECRET,
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(sign(bad[i], "{}", &arena));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_known_message_has_its_known_signature),
        cmocka_unit_test(test_a_secret_has_its_prefix_and_24_to_64_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

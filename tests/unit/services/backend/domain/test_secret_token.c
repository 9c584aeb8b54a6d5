/* tests/unit/services/backend/domain/test_secret_token.c — refresh tokens, their successors, and
 * personal API tokens. */
#include "services/backend/domain/secret_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct secret_token token_of(unsigned char byte)
{
    struct secret_token token;

    memset(token.bytes, byte, sizeof token.bytes);
    return token;
}

static void test_a_token_is_read_as_it_was_written(void **state)
{
    const struct secret_token token = token_of(0xFB);
    struct secret_token again;
    char text[SECRET_TOKEN_TEXT_SIZE], api[SECRET_TOKEN_API_TEXT_SIZE];

    (void)state;
    secret_token_write(&token, text);
    assert_int_equal(strlen(text), 43);
    assert_null(strpbrk(text, "+/="));
    assert_true(secret_token_read(text, &again));
    assert_memory_equal(&again, &token, sizeof token);
    secret_token_write_api(&token, api);
    assert_true(secret_token_is_api(api));
    assert_true(secret_token_read_api(api, &again));
    assert_memory_equal(&again, &token, sizeof token);
}

static void test_what_is_no_token_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* 42 */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 44 */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",  /* bits left over */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",  /* padding */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A",  /* the other alphabet */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA A",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\301A", /* for libsodium 1.0.18 an A */
    };
    struct secret_token token;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (secret_token_read(texts[i], &token))
            fail_msg("%s", texts[i]);
    assert_false(secret_token_read_api("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &token));
    assert_false(secret_token_is_api("Todo_x"));
}

static void test_a_successor_needs_both_token_and_salt(void **state)
{
    const struct secret_token one = token_of(1), two = token_of(2);
    const struct secret_salt salt = {{7}}, other_salt = {{8}};
    const struct secret_token next = secret_token_successor(&one, &salt);
    const struct secret_token again = secret_token_successor(&one, &salt);
    const struct secret_token by_salt = secret_token_successor(&one, &other_salt);
    const struct secret_token by_token = secret_token_successor(&two, &salt);

    (void)state;
    assert_memory_equal(&next, &again, sizeof next);
    assert_memory_not_equal(&next, &by_salt, sizeof next);
    assert_memory_not_equal(&next, &by_token, sizeof next);
    assert_memory_not_equal(&next, &one, sizeof next);
}

static void test_a_digest_is_sha_256(void **state)
{
    /* printf '%064d' 0 | xxd -r -p | sha256sum */
    static const unsigned char wanted[] = {
        0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1,
        0x8b, 0x8e, 0x9f, 0x8e, 0x20, 0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2,
        0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25,
    };
    const struct secret_token token = token_of(0);
    const struct secret_digest digest = secret_token_digest(&token);

    (void)state;
    assert_memory_equal(digest.bytes, wanted, sizeof wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_read_as_it_was_written),
        cmocka_unit_test(test_what_is_no_token_is_refused),
        cmocka_unit_test(test_a_successor_needs_both_token_and_salt),
        cmocka_unit_test(test_a_digest_is_sha_256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/services/backend/domain/test_idempotency.c — which keys are taken, and what makes two
 * requests the same. */
#include "services/backend/domain/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct idempotency made(const char *target, const char *body)
{
    struct idempotency idempotency;
    struct err err = {0};

    assert_true(idempotency_init(&idempotency, "key", target, body, strlen(body), &err));
    return idempotency;
}

static bool is_same(struct idempotency one, struct idempotency other)
{
    struct idempotency_reply reply = {.is_there = true};
    struct err err = {0};
    bool ok;

    memcpy(reply.hash, other.hash, sizeof reply.hash);
    ok = idempotency_check_reply(&one, &reply, &err);
    assert_int_equal(err.code, ok ? ERR_NONE : ERR_KEY_REUSED);
    return ok;
}

static void test_the_same_request_is_known_again(void **state)
{
    (void)state;
    assert_true(is_same(made("create /api/v1/tasks", "{}"), made("create /api/v1/tasks", "{}")));
}

static void test_another_method_path_or_body_is_another_request(void **state)
{
    const struct idempotency one = made("create /api/v1/tasks", "{}");

    (void)state;
    assert_false(is_same(one, made("update /api/v1/tasks", "{}")));
    assert_false(is_same(one, made("create /api/v1/tasks/batch", "{}")));
    assert_false(is_same(one, made("create /api/v1/tasks", "{ }")));
    assert_false(is_same(made("ab", "c"), made("a", "bc")));
    assert_false(is_same(made("a", ""), made("", "a")));
}

static void test_a_key_is_1_to_255_printable_ascii_characters(void **state)
{
    static const char *const bad[] = {"", " ", "a b", "a\tb", "\x7f", "schl\xc3\xbcssel"};
    char key[IDEMPOTENCY_KEY_MAX + 2];
    struct idempotency idempotency;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err_clear(&err);
        assert_false(idempotency_init(&idempotency, bad[i], "t", "", 0, &err));
        assert_string_equal(err.fields[0].field, "Idempotency-Key");
    }
    memset(key, '~', sizeof key);
    key[IDEMPOTENCY_KEY_MAX + 1] = '\0';
    err_clear(&err);
    assert_false(idempotency_init(&idempotency, key, "t", "", 0, &err));
    assert_string_equal(err.fields[0].text, "is 256 characters long; must be 1 to 255");
    key[IDEMPOTENCY_KEY_MAX] = '\0';
    err_clear(&err);
    assert_true(idempotency_init(&idempotency, key, "t", "", 0, &err));
    assert_true(idempotency_init(&idempotency, "!", "t", "", 0, &err));
}

static void test_no_key_is_fine(void **state)
{
    struct idempotency idempotency;
    struct err err = {0};

    (void)state;
    assert_true(idempotency_init(&idempotency, NULL, "t", "", 0, &err));
    assert_null(idempotency.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_request_is_known_again),
        cmocka_unit_test(test_another_method_path_or_body_is_another_request),
        cmocka_unit_test(test_a_key_is_1_to_255_printable_ascii_characters),
        cmocka_unit_test(test_no_key_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

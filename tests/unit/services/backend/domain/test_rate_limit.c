/* tests/unit/services/backend/domain/test_rate_limit.c — token buckets in a bounded table. */
#include "services/backend/domain/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const unsigned char RANDOM[RATE_LIMIT_KEY_SIZE] = {1, 2, 3};
static const int64_t SECOND_US = 1000000;

static void test_a_burst_passes_and_then_the_rate(void **state)
{
    struct rate_limit *limit = rate_limit_new(60, 3, 64, RANDOM);
    int64_t now_us = 5000 * SECOND_US;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(rate_limit_take(limit, "ada", now_us), 0);
    assert_int_equal(rate_limit_take(limit, "ada", now_us), 1001);
    assert_int_equal(rate_limit_take(limit, "ada", now_us + SECOND_US / 2), 501);
    assert_int_equal(rate_limit_take(limit, "ada", now_us + SECOND_US), 0);
    assert_true(rate_limit_take(limit, "ada", now_us + SECOND_US) > 0);
    rate_limit_free(limit);
}

static void test_a_wait_that_is_kept_is_long_enough(void **state)
{
    struct rate_limit *limit = rate_limit_new(7, 1, 64, RANDOM);
    int64_t now_us = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        int64_t wait_ms = rate_limit_take(limit, "ada", now_us);

        if (wait_ms > 0)
            assert_int_equal(rate_limit_take(limit, "ada", now_us + wait_ms * 1000), 0);
        now_us += wait_ms * 1000 + 12345;
    }
    rate_limit_free(limit);
}

static void test_one_key_does_not_use_up_another(void **state)
{
    struct rate_limit *limit = rate_limit_new(60, 1, 64, RANDOM);

    (void)state;
    assert_int_equal(rate_limit_take(limit, "ada", 0), 0);
    assert_true(rate_limit_take(limit, "ada", 0) > 0);
    assert_int_equal(rate_limit_take(limit, "bob", 0), 0);
    rate_limit_free(limit);
}

static void test_a_bucket_never_holds_more_than_the_burst(void **state)
{
    struct rate_limit *limit = rate_limit_new(6000, 2, 64, RANDOM);
    int64_t later_us = INT64_MAX / 2;

    (void)state;
    assert_int_equal(rate_limit_take(limit, "ada", 0), 0);
    assert_int_equal(rate_limit_take(limit, "ada", later_us), 0);
    assert_int_equal(rate_limit_take(limit, "ada", later_us), 0);
    assert_true(rate_limit_take(limit, "ada", later_us) > 0);
    rate_limit_free(limit);
}

static void test_a_clock_that_steps_back_gives_nothing(void **state)
{
    struct rate_limit *limit = rate_limit_new(60, 1, 64, RANDOM);

    (void)state;
    assert_int_equal(rate_limit_take(limit, "ada", 10 * SECOND_US), 0);
    assert_true(rate_limit_take(limit, "ada", 5 * SECOND_US) > 0);
    rate_limit_free(limit);
}

static void test_an_empty_bucket_outlives_a_flood_of_new_keys(void **state)
{
    struct rate_limit *limit = rate_limit_new(1, 100, 8, RANDOM);
    char key[32];

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(rate_limit_take(limit, "mallory", 0), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "flood %d", i);
        assert_int_equal(rate_limit_take(limit, key, 0), 0);
    }
    assert_true(rate_limit_take(limit, "mallory", 0) > 0);
    rate_limit_free(limit);
}

static void test_a_rate_of_zero_allows_everything(void **state)
{
    struct rate_limit *limit = rate_limit_new(0, 1, 8, RANDOM);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rate_limit_take(limit, "ada", 0), 0);
    rate_limit_free(limit);
    rate_limit_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_passes_and_then_the_rate),
        cmocka_unit_test(test_a_wait_that_is_kept_is_long_enough),
        cmocka_unit_test(test_one_key_does_not_use_up_another),
        cmocka_unit_test(test_a_bucket_never_holds_more_than_the_burst),
        cmocka_unit_test(test_a_clock_that_steps_back_gives_nothing),
        cmocka_unit_test(test_an_empty_bucket_outlives_a_flood_of_new_keys),
        cmocka_unit_test(test_a_rate_of_zero_allows_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

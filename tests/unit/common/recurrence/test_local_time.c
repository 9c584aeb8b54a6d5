/* tests/unit/common/recurrence/test_local_time.c — dates without a zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/recurrence/local_time.h"

static void test_every_second_of_an_odd_walk_comes_back(void **state)
{
    (void)state;
    for (int64_t s = -4000000000; s < 11000000000; s += 86400 * 7 + 12347) {
        struct local_time time = local_time_from_seconds(s);

        assert_true(local_time_seconds(&time) == s);
        assert_in_range(time.day, 1, local_time_days_in_month(time.year, time.month));
        assert_int_equal(
            local_time_weekday(&time),
            (int)(((s - s % 86400 - (s % 86400 < 0 ? 86400 : 0)) / 86400 % 7 + 10) % 7));
    }
}

static void test_it_is_read_strictly(void **state)
{
    static const char *const wrong[] = {"2026-01-31T09:00",     "2026-01-31 09:00:00",
                                        "2026-02-29T09:00:00",  "2026-13-01T09:00:00",
                                        "2026-01-00T09:00:00",  "2026-01-31T24:00:00",
                                        "2026-01-31T09:60:00",  "2026-01-31T09:00:60",
                                        "1969-12-31T09:00:00",  "2300-01-01T00:00:00",
                                        "2026-01-31T09:00:00Z", "2026-1-031T09:00:00",
                                        "+026-01-31T09:00:00",  ""};
    struct local_time time = {.year = 1};
    char text[LOCAL_TIME_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(local_time_read(wrong[i], &time));
    assert_false(local_time_read(NULL, &time));
    assert_int_equal(time.year, 1);
    assert_true(local_time_read("2024-02-29T23:59:59", &time));
    local_time_write(&time, text);
    assert_string_equal(text, "2024-02-29T23:59:59");
}

static void test_a_clock_is_read_as_minutes(void **state)
{
    (void)state;
    assert_int_equal(local_time_read_clock("00:00"), 0);
    assert_int_equal(local_time_read_clock("09:30"), 570);
    assert_int_equal(local_time_read_clock("23:59"), 1439);
    assert_int_equal(local_time_read_clock("24:00"), -1);
    assert_int_equal(local_time_read_clock("9:30"), -1);
    assert_int_equal(local_time_read_clock("09:60"), -1);
    assert_int_equal(local_time_read_clock("09-30"), -1);
    assert_int_equal(local_time_read_clock("09:30:00"), -1);
    assert_int_equal(local_time_read_clock(NULL), -1);
}

static void test_leap_years_are_gregorian(void **state)
{
    (void)state;
    assert_int_equal(local_time_days_in_month(2000, 2), 29);
    assert_int_equal(local_time_days_in_month(2100, 2), 28);
    assert_int_equal(local_time_days_in_month(2024, 2), 29);
    assert_int_equal(local_time_days_in_month(2026, 2), 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_second_of_an_odd_walk_comes_back),
        cmocka_unit_test(test_it_is_read_strictly),
        cmocka_unit_test(test_a_clock_is_read_as_minutes),
        cmocka_unit_test(test_leap_years_are_gregorian),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/base/test_clock.c — the rules of RFC 3339 §5.6, one a row. */
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const int64_t NONE = -1;

static const struct {
    const char *text;
    int64_t at; /* -1: refused */
} readings[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"2026-11-21T09:46:00Z", INT64_C(1795254360000)},
    {"2026-11-21T09:46:00.123Z", INT64_C(1795254360123)},
    {"2026-11-21t09:46:00z", INT64_C(1795254360000)},
    {"2026-11-21T09:46:00+00:00", INT64_C(1795254360000)},
    {"2026-11-21T09:46:00-00:00", INT64_C(1795254360000)},
    {"2026-11-21T15:16:00+05:30", INT64_C(1795254360000)},
    {"2026-11-20T22:46:00-11:00", INT64_C(1795254360000)},
    {"2026-11-21T09:46:00.1Z", INT64_C(1795254360100)},
    {"2026-11-21T09:46:00.1299999999999999999999Z", INT64_C(1795254360129)}, /* cut, not rounded */
    {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
    {"2024-02-29T23:59:59.999Z", INT64_C(1709251199999)},
    {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    {"1969-12-31T23:00:00-01:00", 0},
    /* days and times that do not exist */
    {"2023-02-29T00:00:00Z", -1},
    {"2100-02-29T00:00:00Z", -1},
    {"2026-04-31T00:00:00Z", -1},
    {"2026-00-10T00:00:00Z", -1},
    {"2026-13-10T00:00:00Z", -1},
    {"2026-01-00T00:00:00Z", -1},
    {"2026-01-32T00:00:00Z", -1},
    {"2026-11-21T24:00:00Z", -1},
    {"2026-11-21T09:60:00Z", -1},
    {"2016-12-31T23:59:60Z", -1}, /* a leap second has no instant in ms since 1970 */
    {"2026-11-21T09:46:00+24:00", -1},
    {"2026-11-21T09:46:00+05:60", -1},
    /* out of the years */
    {"1969-12-31T23:59:59Z", -1},
    {"1970-01-01T00:30:00+01:00", -1},
    {"9999-12-31T23:59:59-00:01", -1},
    {"0000-01-01T00:00:00Z", -1},
    {"10000-01-01T00:00:00Z", -1},
    /* not the form */
    {"", -1},
    {"2026-11-21", -1},
    {"2026-11-21T09:46:00", -1},
    {"2026-11-21T09:46Z", -1},
    {"2026-11-21 09:46:00Z", -1},
    {"2026-11-21T09:46:00.Z", -1},
    {"2026-11-21T09:46:00,5Z", -1},
    {"2026-11-21T09:46:00ZZ", -1},
    {"2026-11-21T09:46:00Z ", -1},
    {" 2026-11-21T09:46:00Z", -1},
    {"2026-11-21T09:46:00+0530", -1},
    {"2026-11-21T09:46:00+05", -1},
    {"2026-1-21T09:46:00Z", -1},
    {"+026-11-21T09:46:00Z", -1},
    {"2026-11-21T+9:46:00Z", -1},
    {"2026/11/21T09:46:00Z", -1},
    {"1795254360000", -1},
};

static void test_instants_are_read_as_rfc_3339_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        int64_t at = NONE;
        bool is_read = clock_read(readings[i].text, &at);

        if (is_read != (readings[i].at != NONE) || at != readings[i].at)
            fail_msg("%s: %s %lld", readings[i].text, is_read ? "read as" : "refused",
                     (long long)at);
    }
    assert_false(clock_read(NULL, NULL));
}

static void test_every_cut_of_an_instant_is_refused(void **state)
{
    static const char whole[] = "2026-11-21T09:46:00.5+01:00";

    (void)state;
    for (size_t length = 0; length < strlen(whole); length++) {
        char text[sizeof whole] = "";
        int64_t at = NONE;

        memcpy(text, whole, length);
        assert_false(clock_read(text, &at));
        assert_int_equal(at, NONE);
    }
}

/* Every day from 1970 to 9999, held against the C library, and back. */
static void test_every_day_is_written_as_the_c_library_does_and_read_back(void **state)
{
    (void)state;
    for (int64_t day = 0; day <= 2932896; day++) {
        int64_t at = day * 86400000 + (day * 7919) % 86400000, back = NONE;
        time_t seconds = (time_t)(at / 1000);
        char text[CLOCK_TEXT_MAX], expected[64];
        struct tm tm;

        if (day > 200000 && day % 37 != 0)
            continue;
        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(at % 1000));
        clock_write(at, text);
        assert_string_equal(text, expected);
        assert_true(clock_read(text, &back));
        assert_int_equal(back, at);
    }
}

static void test_instants_before_1970_are_written(void **state)
{
    char text[CLOCK_TEXT_MAX];

    (void)state;
    clock_write(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    clock_write(INT64_C(-62167219200000), text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void test_the_monotonic_clock_does_not_go_back(void **state)
{
    int64_t before = clock_monotonic_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_us();

        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_monotonic_ms() >= before / 1000);
    assert_true(clock_now_ms() / 1000 - (int64_t)time(NULL) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instants_are_read_as_rfc_3339_has_them),
        cmocka_unit_test(test_every_cut_of_an_instant_is_refused),
        cmocka_unit_test(test_every_day_is_written_as_the_c_library_does_and_read_back),
        cmocka_unit_test(test_instants_before_1970_are_written),
        cmocka_unit_test(test_the_monotonic_clock_does_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/recurrence/test_duration.c — durations by duration.txt, and added to instants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/recurrence/duration.h"
#include "tests/unit/support/rows.h"

static void test_durations_are_as_the_table_says(void **state)
{
    struct rows rows;

    (void)state;
    rows_open(&rows, "tests/unit/common/recurrence/duration.txt");
    while (rows_next(&rows, 3)) {
        struct duration duration = {.days = 77};
        struct err err = {0};
        bool ok = duration_read(rows.cells[0], "offset", &duration, &err);

        if (ok != (strcmp(rows.cells[1], "no") != 0))
            fail_msg("%s:%d: %s", rows.path, rows.line, ok ? "was taken" : err.text);
        if (ok) {
            assert_int_equal(duration.days, strtol(rows.cells[1], NULL, 10));
            assert_int_equal(duration.seconds, strtol(rows.cells[2], NULL, 10));
        } else {
            assert_string_equal(err.fields[0].field, "offset");
            assert_int_equal(duration.days, 77);
        }
    }
}

static void check_add(const char *text, const char *from, const char *zone_name, const char *to)
{
    struct zone_cache *cache = zone_cache_new(NULL);
    struct duration duration;
    char found[CLOCK_TEXT_MAX];
    struct err err = {0};
    int64_t at;

    assert_true(duration_read(text, "offset", &duration, &err));
    assert_true(clock_read(from, &at));
    at = duration_add(&duration, at,
                      zone_name != NULL ? zone_cache_get(cache, zone_name, 0, &err) : NULL);
    clock_write(at, found);
    assert_string_equal(found, to);
    zone_cache_free(cache);
}

static void test_hours_are_exact_and_days_the_calendars(void **state)
{
    (void)state;
    /* RFC 5545 §3.3.6: the day before the clocks go forward has 23 hours */
    check_add("P1D", "2026-03-28T11:00:00Z", "Europe/Berlin", "2026-03-29T10:00:00.000Z");
    check_add("PT24H", "2026-03-28T11:00:00Z", "Europe/Berlin", "2026-03-29T11:00:00.000Z");
    check_add("-P1D", "2026-03-29T10:00:00.250Z", "Europe/Berlin", "2026-03-28T11:00:00.250Z");
    check_add("-P1DT1H", "2026-10-25T11:00:00Z", "Europe/Berlin", "2026-10-24T09:00:00.000Z");
    check_add("P1W", "2026-03-28T11:00:00Z", NULL, "2026-04-04T11:00:00.000Z");
    /* into the gap: later by it */
    check_add("P1D", "2026-03-28T01:30:00Z", "Europe/Berlin", "2026-03-29T01:30:00.000Z");
    /* without days the second of two equal times stays the second */
    check_add("PT0S", "2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25T01:30:00.000Z");
    check_add("-PT30M", "2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25T01:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_as_the_table_says),
        cmocka_unit_test(test_hours_are_exact_and_days_the_calendars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

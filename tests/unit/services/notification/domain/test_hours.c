/* tests/unit/services/notification/domain/test_hours.c — quiet hours, digests and retries: rules with the
 * wall clock, over changes of the clocks too. */
#include "services/notification/domain/digest.h"
#include "services/notification/domain/quiet.h"
#include "services/notification/domain/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"

static int make_zones(void **state)
{
    *state = zone_cache_new(NULL);
    return 0;
}

static int free_zones(void **state)
{
    zone_cache_free(*state);
    return 0;
}

static const struct zone *zone_of(void **state, const char *name)
{
    struct err err = {0};

    return name != NULL ? zone_cache_get(*state, name, 1, &err) : NULL;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;

    if (text != NULL)
        assert_true(clock_read(text, &ms));
    return ms;
}

static void test_quiet_hours_end_when_the_wall_clock_says(void **state)
{
    static const struct {
        const char *from, *until, *zone, *at, *end; /* end NULL: not quiet */
    } rows[] = {
        {NULL, NULL, "UTC", "2026-06-01T23:00:00Z", NULL},
        {"22:00", NULL, "UTC", "2026-06-01T23:00:00Z", NULL},
        {"22:00", "07:00", "UTC", "2026-06-01T21:59:59.999Z", NULL},
        {"22:00", "07:00", "UTC", "2026-06-01T22:00:00Z", "2026-06-02T07:00:00Z"},
        {"22:00", "07:00", "UTC", "2026-06-02T06:59:59.999Z", "2026-06-02T07:00:00Z"},
        {"22:00", "07:00", "UTC", "2026-06-02T07:00:00Z", NULL},
        {"12:00", "13:30", "UTC", "2026-06-02T12:30:00Z", "2026-06-02T13:30:00Z"},
        {"12:00", "13:30", "UTC", "2026-06-02T14:00:00Z", NULL},
        {"07:00", "07:00", "UTC", "2026-06-02T07:00:00Z", NULL},
        {"22:00", "07:00", NULL, "2026-06-01T22:00:00Z", "2026-06-02T07:00:00Z"},
        {"22:00", "07:00", "Asia/Kolkata", "2026-06-01T16:30:00Z", "2026-06-02T01:30:00Z"},
        {"22:00", "07:00", "Asia/Kolkata", "2026-06-01T16:29:59Z", NULL},
        /* the night in which the clocks go forward is an hour shorter */
        {"22:00", "07:00", "Europe/Vienna", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"},
        /* and in autumn an hour longer */
        {"22:00", "07:00", "Europe/Vienna", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"},
        /* an end that the clocks skip comes with the change */
        {"22:00", "02:30", "Europe/Vienna", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
        /* one that comes twice has come at the first time */
        {"22:00", "02:30", "Europe/Vienna", "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z"},
        {"22:00", "02:30", "Europe/Vienna", "2026-10-25T01:10:00Z", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct reminder_settings settings = {.quiet_from = rows[i].from,
                                                   .quiet_until = rows[i].until};
        int64_t end = quiet_end(&settings, zone_of(state, rows[i].zone), at(rows[i].at));

        if (end != at(rows[i].end))
            fail_msg("row %zu: ends at %lld", i, (long long)end);
    }
}

static void test_a_digest_comes_once_a_day_at_its_time(void **state)
{
    static const struct {
        const char *digest_at, *zone, *after, *next;
    } rows[] = {
        {NULL, "UTC", "2026-06-01T08:00:00Z", NULL},
        {"8:00", "UTC", "2026-06-01T08:00:00Z", NULL},
        {"08:00", "UTC", "2026-06-01T07:59:59.999Z", "2026-06-01T08:00:00Z"},
        {"08:00", "UTC", "2026-06-01T08:00:00Z", "2026-06-02T08:00:00Z"},
        {"08:00", NULL, "2026-06-01T08:00:00Z", "2026-06-02T08:00:00Z"},
        {"08:00", "Asia/Tokyo", "2026-05-31T23:00:00Z", "2026-06-01T23:00:00Z"},
        {"08:00", "Europe/Vienna", "2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"},
        {"02:30", "Europe/Vienna", "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"},
        {"02:30", "Europe/Vienna", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
        /* the second 02:30 of the night is no digest */
        {"02:30", "Europe/Vienna", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t next =
            digest_next(rows[i].digest_at, zone_of(state, rows[i].zone), at(rows[i].after));

        if (next != at(rows[i].next))
            fail_msg("row %zu: next is %lld", i, (long long)next);
    }
}

static void test_the_newest_digest_is_of_the_day_it_was_to_come(void **state)
{
    static const struct {
        const char *digest_at, *zone, *now, *on, *at, *until;
    } rows[] = {
        {"08:00", "UTC", "2026-06-01T08:00:00Z", "2026-06-01", "2026-06-01T08:00:00Z",
         "2026-06-02T00:00:00Z"},
        {"08:00", "UTC", "2026-06-01T07:59:59Z", "2026-05-31", "2026-05-31T08:00:00Z",
         "2026-06-01T00:00:00Z"},
        {"23:30", "America/New_York", "2026-06-02T03:45:00Z", "2026-06-01", "2026-06-02T03:30:00Z",
         "2026-06-02T04:00:00Z"},
        {"08:00", "Europe/Vienna", "2026-03-29T10:00:00Z", "2026-03-29", "2026-03-29T06:00:00Z",
         "2026-03-29T22:00:00Z"},
        {"08:00", "UTC", "2026-01-01T00:00:00Z", "2025-12-31", "2025-12-31T08:00:00Z",
         "2026-01-01T00:00:00Z"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct digest_day day =
            digest_newest(rows[i].digest_at, zone_of(state, rows[i].zone), at(rows[i].now));

        assert_string_equal(day.on, rows[i].on);
        assert_int_equal(day.at, at(rows[i].at));
        assert_int_equal(day.until, at(rows[i].until));
    }
}

static void test_a_digest_says_how_much_there_is(void **state)
{
    static const struct {
        int64_t due, overdue;
        const char *title;
    } rows[] = {
        {1, 0, "1 task is due today"},
        {3, 0, "3 tasks are due today"},
        {0, 1, "1 task is overdue"},
        {0, 4, "4 tasks are overdue"},
        {1, 1, "1 task is due today, 1 is overdue"},
        {2, 5, "2 tasks are due today, 5 are overdue"},
    };
    char title[DIGEST_TITLE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        digest_write_title(rows[i].due, rows[i].overdue, title);
        assert_string_equal(title, rows[i].title);
    }
}

static void test_retries_wait_longer_each_time_and_end(void **state)
{
    const struct retry_limits limits = {.tries_max = 5, .first_ms = 1000, .max_ms = 3000};
    static const struct {
        int64_t attempts, asked_ms;
        uint64_t chance;
        int64_t wait_ms;
    } rows[] = {
        {1, 0, 0, 500},    {1, 0, 500, 1000},  {1, 0, 501, 500},    {2, 0, 0, 1000},
        {2, 0, 999, 1999}, {3, 0, 0, 1500},    {4, 0, 1500, 3000},  {5, 0, 0, -1},
        {6, 0, 0, -1},     {1, 2500, 0, 2500}, {1, 60000, 0, 6000}, {5, 100, 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t wait_ms =
            retry_wait_ms(&limits, rows[i].attempts, rows[i].asked_ms, rows[i].chance);

        if (wait_ms != rows[i].wait_ms)
            fail_msg("row %zu: waits %lld ms", i, (long long)wait_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_hours_end_when_the_wall_clock_says),
        cmocka_unit_test(test_a_digest_comes_once_a_day_at_its_time),
        cmocka_unit_test(test_the_newest_digest_is_of_the_day_it_was_to_come),
        cmocka_unit_test(test_a_digest_says_how_much_there_is),
        cmocka_unit_test(test_retries_wait_longer_each_time_and_end),
    };

    return cmocka_run_group_tests(tests, make_zones, free_zones);
}

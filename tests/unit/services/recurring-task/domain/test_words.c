/* tests/unit/services/recurring-task/domain/test_words.c — rules in words by words.txt, and why an
 * instant was moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/recurring-task/domain/words.h"
#include "tests/unit/support/rows.h"

static void test_rules_are_said_as_the_table_has_them(void **state)
{
    struct rows rows;
    struct buf out;

    (void)state;
    buf_init(&out);
    rows_open(&rows, "tests/unit/services/recurring-task/domain/words.txt");
    while (rows_next(&rows, 3)) {
        struct local_time start;
        struct err err = {0};
        struct rule rule;

        if (!local_time_read(rows.cells[1], &start) ||
            !rule_read(rows.cells[0], "rule", &rule, &err))
            fail_msg("%s:%d: %s", rows.path, rows.line, err.text);
        buf_reset(&out);
        words_of_rule(&rule, &start, "Europe/Berlin", &out);
        if (strcmp(buf_text(&out), rows.cells[2]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, buf_text(&out));
    }
    buf_clear(&out);
}

static void test_the_zone_may_be_left_out(void **state)
{
    struct local_time start = {2026, 1, 5, 9, 0, 30};
    struct rule rule = {.freq = RULE_DAILY, .interval = 1};
    struct buf out;

    (void)state;
    buf_init(&out);
    words_of_rule(&rule, &start, NULL, &out);
    assert_string_equal(buf_text(&out), "every day at 09:00:30");
    buf_clear(&out);
}

/** Check why the second instant of a rule is where it is; NULL: it is in its place. */
static void check_move(const char *text, const char *start_text, const char *zone_name,
                       const char *want)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    struct err err = {0};
    const struct zone *zone = zone_cache_get(zones, zone_name, 0, &err);
    struct expansion *expansion;
    struct local_time start;
    struct expanded next;
    struct rule rule;
    struct buf out;

    buf_init(&out);
    assert_true(local_time_read(start_text, &start) && rule_read(text, "rule", &rule, &err));
    expansion = expansion_new(&rule, &start, zone);
    assert_true(expansion_next(expansion, &next) && expansion_next(expansion, &next));
    assert_int_equal(words_of_move(&next, &start, zone_name, zone, &out), want != NULL);
    assert_string_equal(buf_text(&out), want != NULL ? want : "");
    expansion_free(expansion);
    buf_clear(&out);
    zone_cache_free(zones);
}

static void test_a_move_is_explained(void **state)
{
    (void)state;
    check_move("daily", "2026-03-28T02:30:00", "Europe/Berlin",
               "02:30 does not exist on 2026-03-29 in Europe/Berlin, where the clocks go forward; "
               "03:30 instead");
    check_move("daily", "2026-10-03T02:15:00", "Australia/Lord_Howe",
               "02:15 does not exist on 2026-10-04 in Australia/Lord_Howe, where the clocks go "
               "forward; 02:45 instead");
    check_move("daily", "2011-12-29T09:00:00", "Pacific/Apia",
               "09:00 does not exist on 2011-12-30 in Pacific/Apia, where the clocks go forward; "
               "09:00 on 2011-12-31 instead");
    check_move("monthly", "2026-01-31T09:00:00", "Europe/Berlin",
               "February 2026 has no 31st; its last day, the 28th, instead");
    check_move("FREQ=MONTHLY;INTERVAL=10", "2026-05-30T02:30:00", "Europe/Berlin", NULL);
    check_move("daily", "2026-10-24T02:30:00", "Europe/Berlin", NULL);
    check_move("daily", "2026-01-05T09:00:00", "Europe/Berlin", NULL);
}

static void test_two_reasons_are_both_said(void **state)
{
    (void)state;
    /* Egypt's clocks went forward at midnight on 30 April 2010, the last day of that month */
    check_move("monthly", "2010-03-31T00:30:00", "Africa/Cairo",
               "April 2010 has no 31st; its last day, the 30th, instead; 00:30 does not exist on "
               "2010-04-30 in Africa/Cairo, where the clocks go forward; 01:30 instead");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_are_said_as_the_table_has_them),
        cmocka_unit_test(test_the_zone_may_be_left_out),
        cmocka_unit_test(test_a_move_is_explained),
        cmocka_unit_test(test_two_reasons_are_both_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/recurrence/test_rule.c — rules are read and written as rule.txt says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/recurrence/rule.h"
#include "tests/unit/support/rows.h"

/** Return the normal form, or the error's text without the field before it. */
static const char *read_and_write(const char *text, struct buf *out)
{
    struct err err = {0};
    struct rule rule;

    buf_reset(out);
    if (rule_read(text, "recurrence", &rule, &err)) {
        rule_write(&rule, out);
        return buf_text(out);
    }
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(err.n_fields, 1);
    assert_string_equal(err.fields[0].field, "recurrence");
    buf_add_text(out, err.fields[0].text);
    return buf_text(out);
}

static void test_rules_are_as_the_table_says(void **state)
{
    struct rows rows;
    struct buf out;

    (void)state;
    buf_init(&out);
    rows_open(&rows, "tests/unit/common/recurrence/rule.txt");
    while (rows_next(&rows, 2)) {
        const char *want = rows.cells[1], *found = read_and_write(rows.cells[0], &out);
        bool is_rule = strncmp(want, "FREQ=", 5) == 0 && strchr(want, ' ') == NULL;

        if (is_rule ? strcmp(found, want) != 0 : strstr(found, want) != found)
            fail_msg("%s:%d: %s gives: %s", rows.path, rows.line, rows.cells[0], found);
        if (is_rule)
            assert_string_equal(read_and_write(want, &out), want);
    }
    buf_clear(&out);
}

static void test_a_rule_of_the_greatest_length_is_read(void **state)
{
    char text[RULE_TEXT_MAX + 2] = "FREQ=MONTHLY;BYMONTHDAY=1";
    struct buf out;

    (void)state;
    buf_init(&out);
    while (strlen(text) + 2 <= RULE_TEXT_MAX)
        strcat(text, ",1");
    assert_string_equal(read_and_write(text, &out), "FREQ=MONTHLY;BYMONTHDAY=1");
    memset(text, '1', RULE_TEXT_MAX + 1);
    assert_string_equal(read_and_write(text, &out), "is 301 characters long; at most 300");
    buf_clear(&out);
}

static void test_parts_reach_their_fields(void **state)
{
    struct err err = {0};
    struct rule rule;

    (void)state;
    assert_true(rule_read("FREQ=YEARLY;UNTIL=20300102T030405Z;INTERVAL=2;BYDAY=TU,-1SU;"
                          "BYMONTHDAY=-2;BYMONTH=4,5;BYSETPOS=-3;WKST=SU",
                          "r", &rule, &err));
    assert_int_equal(rule.freq, RULE_YEARLY);
    assert_int_equal(rule.interval, 2);
    assert_int_equal(rule.count, 0);
    assert_true(rule.has_until && rule.until_is_utc && rule.until.year == 2030 &&
                rule.until.second == 5);
    assert_true(rule.n_days == 2 && rule.days[0].weekday == 1 && rule.days[0].ordinal == 0);
    assert_true(rule.days[1].weekday == 6 && rule.days[1].ordinal == -1);
    assert_true(rule.n_month_days == 1 && rule.month_days[0] == -2);
    assert_true(rule.n_months == 2 && rule.months[1] == 5);
    assert_true(rule.n_positions == 1 && rule.positions[0] == -3);
    assert_int_equal(rule.week_start, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_are_as_the_table_says),
        cmocka_unit_test(test_a_rule_of_the_greatest_length_is_read),
        cmocka_unit_test(test_parts_reach_their_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

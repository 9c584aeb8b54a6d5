/* tests/unit/services/recurring-task/domain/test_expand.c — rules give what expand.txt says, walked
 * through from the start and jumped into anywhere, and soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "services/recurring-task/domain/expand.h"
#include "tests/unit/support/rows.h"

enum { SKIPPED_MAX = 5000 };

struct table {
    struct rows rows;
    struct zone_cache *zones;
    struct rule rule;
    struct local_time start;
    const struct zone *zone;
    struct expansion *walk, *jump;
    struct local_time said; /* by the word before, completes a shorter one */
    int64_t last_at;
};

/** Read a word's date and time; what it leaves out is as it was said before. */
static void read_time(struct table *t, const char *word)
{
    struct local_time *said = &t->said;
    int a, b, c, n;

    if (strlen(word) >= 2 && word[2] == ':') {
        assert_int_equal(sscanf(word, "%d:%d", &said->hour, &said->minute), 2);
        return;
    }
    n = sscanf(word, "%d-%d-%dT%d:%d", &a, &b, &c, &said->hour, &said->minute);
    assert_true(n >= 1);
    if (n >= 3)
        said->year = a;
    if (n >= 2)
        said->month = n == 2 ? a : b;
    said->day = n == 1 ? a : n == 2 ? b : c;
}

static void check_instant(const struct table *t, const char *want, int64_t at)
{
    char found[CLOCK_TEXT_MAX];

    clock_write(at, found);
    if (strncmp(found, want, 16) != 0)
        fail_msg("%s:%d: %s is the instant, not %s", t->rows.path, t->rows.line, found, want);
}

static bool is_said(const struct table *t, const struct expanded *next)
{
    return local_time_seconds(&next->local) == local_time_seconds(&t->said);
}

static void check_jump(struct table *t, const struct expanded *next)
{
    struct expanded jumped;

    assert_true(expansion_after(t->jump, next->number == 1 ? next->at - 1 : t->last_at, &jumped));
    if (jumped.at != next->at)
        fail_msg("%s:%d: the jump gives another one", t->rows.path, t->rows.line);
    assert_int_equal(jumped.is_clamped, next->is_clamped);
    assert_int_equal(jumped.fit, next->fit);
    t->last_at = next->at;
}

/** Check that the next instant is what the word says; `may_skip`: or one after it. */
static void check_word(struct table *t, const char *word, bool may_skip)
{
    struct expanded next;
    char found[LOCAL_TIME_SIZE];
    const char *instant = strchr(word, '@');
    int n = 0;

    read_time(t, word);
    do {
        if (!expansion_next(t->walk, &next))
            fail_msg("%s:%d: ends before %s", t->rows.path, t->rows.line, word);
        if (n == 0 || is_said(t, &next))
            check_jump(t, &next);
        t->last_at = next.at;
    } while (may_skip && !is_said(t, &next) && ++n < SKIPPED_MAX);
    local_time_write(&next.local, found);
    if (!is_said(t, &next))
        fail_msg("%s:%d: %s, not %s", t->rows.path, t->rows.line, found, word);
    if (next.is_clamped != (strchr(word, '^') != NULL) ||
        (next.fit == ZONE_GAP) != (strchr(word, '!') != NULL) ||
        (next.fit == ZONE_REPEATED) != (strchr(word, '?') != NULL))
        fail_msg("%s:%d: %s is clamped %d, fits %d", t->rows.path, t->rows.line, found,
                 next.is_clamped, next.fit);
    if (instant != NULL)
        check_instant(t, instant + 1, next.at);
}

static void check_end(struct table *t, bool is_end)
{
    struct expanded next;

    if (expansion_next(t->walk, &next) == is_end)
        fail_msg("%s:%d: %s", t->rows.path, t->rows.line, is_end ? "goes on" : "ends");
    assert_int_equal(expansion_after(t->jump, t->last_at, &next), !is_end);
    if (is_end)
        assert_false(expansion_next(t->walk, &next));
}

static void check_row(struct table *t)
{
    char *rest = t->rows.cells[4], *word;
    bool may_skip = false;
    struct err err = {0};

    t->zone = zone_cache_get(t->zones, t->rows.cells[1], 0, &err);
    if (t->zone == NULL || !local_time_read(t->rows.cells[2], &t->start) ||
        !rule_read(t->rows.cells[3], "rule", &t->rule, &err))
        fail_msg("%s:%d: %s", t->rows.path, t->rows.line, err.text);
    t->walk = expansion_new(&t->rule, &t->start, t->zone);
    t->jump = expansion_new(&t->rule, &t->start, t->zone);
    t->said = t->start;
    while ((word = strsep(&rest, " ")) != NULL) {
        if (strcmp(word, "...") == 0) {
            may_skip = true;
        } else if (strcmp(word, "end") == 0 || strcmp(word, "more") == 0) {
            check_end(t, strcmp(word, "end") == 0);
        } else {
            check_word(t, word, may_skip);
            may_skip = false;
        }
    }
    expansion_free(t->walk);
    expansion_free(t->jump);
}

static void test_rules_give_what_the_table_says(void **state)
{
    struct table t = {.zones = zone_cache_new(NULL)};

    (void)state;
    rows_open(&t.rows, "tests/unit/services/recurring-task/domain/expand.txt");
    while (rows_next(&t.rows, 5))
        check_row(&t);
    zone_cache_free(t.zones);
}

static void begin(struct table *t, const char *rule, const char *start)
{
    struct err err = {0};

    *t = (struct table){.zones = zone_cache_new(NULL)};
    t->zone = zone_cache_get(t->zones, "Europe/Berlin", 0, &err);
    assert_non_null(t->zone);
    assert_true(rule_read(rule, "rule", &t->rule, &err));
    assert_true(local_time_read(start, &t->start));
    t->walk = expansion_new(&t->rule, &t->start, t->zone);
}

static void finish(struct table *t)
{
    expansion_free(t->walk);
    zone_cache_free(t->zones);
}

static void test_numbers_count_from_the_start(void **state)
{
    struct table t;
    struct expanded next;

    (void)state;
    begin(&t, "FREQ=DAILY;COUNT=3", "2026-01-01T09:00:00");
    for (int i = 1; i <= 3; i++) {
        assert_true(expansion_next(t.walk, &next));
        assert_int_equal(next.number, i);
    }
    assert_false(expansion_next(t.walk, &next));
    /* with COUNT a jump knows the number */
    assert_true(expansion_after(t.walk, next.at - 1, &next));
    assert_int_equal(next.number, 3);
    assert_true(expansion_after(t.walk, 0, &next));
    assert_int_equal(next.number, 1);
    finish(&t);
    /* without it does not */
    begin(&t, "FREQ=DAILY", "2026-01-01T09:00:00");
    assert_true(expansion_after(t.walk, INT64_C(1800000000000), &next));
    assert_int_equal(next.number, 0);
    assert_true(expansion_after(t.walk, 0, &next));
    assert_int_equal(next.number, 1);
    assert_true(expansion_next(t.walk, &next));
    assert_int_equal(next.number, 2);
    finish(&t);
}

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Limits are ten times what it takes under the sanitizers; walking through would take a hundred times. */
static void test_a_jump_of_ten_years_is_short(void **state)
{
    static const char *const rules[] = {"FREQ=HOURLY", "FREQ=HOURLY;INTERVAL=7;BYDAY=MO,TH",
                                        "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,FR",
                                        "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1"};
    struct table t;
    struct expanded next;
    double before;

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        begin(&t, rules[i], "2016-01-04T09:00:00");
        (void)expansion_after(t.walk, INT64_C(1760000000000), &next);
        before = cpu_ms();
        assert_true(expansion_after(t.walk, INT64_C(1780000000000), &next));
        assert_true(next.at > INT64_C(1780000000000));
        if (cpu_ms() - before > 20)
            fail_msg("%s takes %.1f ms", rules[i], cpu_ms() - before);
        finish(&t);
    }
}

static void test_what_never_matches_is_given_up_soon(void **state)
{
    static const char *const rules[] = {
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU,WE,TH,FR,SA,SU",
        "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=8,9,10,11,12,13,14,15,16,17,18,19,20,21",
        "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=-8,-9,-10,-11,-12,-13,-14,-15,-16,-17"};
    struct table t;
    struct expanded next;
    double before;

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        begin(&t, rules[i], "2016-01-04T09:00:00");
        assert_true(expansion_next(t.walk, &next));
        before = cpu_ms();
        assert_false(expansion_next(t.walk, &next));
        if (cpu_ms() - before > 5)
            fail_msg("%s takes %.1f ms", rules[i], cpu_ms() - before);
        finish(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_give_what_the_table_says),
        cmocka_unit_test(test_numbers_count_from_the_start),
        cmocka_unit_test(test_a_jump_of_ten_years_is_short),
        cmocka_unit_test(test_what_never_matches_is_given_up_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

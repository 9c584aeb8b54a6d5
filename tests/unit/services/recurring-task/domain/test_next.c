/* tests/unit/services/recurring-task/domain/test_next.c — what comes after an occurrence, by next.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/events/task.h"
#include "services/recurring-task/domain/next.h"
#include "tests/unit/support/rows.h"

enum { MINUTE_CHARS = 16, TEXT_MAX = 80 };

static int find(const char *word, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strncmp(word, words[i], strlen(words[i])) == 0)
            return i;
    fail_msg("%s is none of the words", word);
    return -1;
}

/** Read "2026-01-05T09:00Z". */
static int64_t read_minute(const char *text)
{
    char whole[TEXT_MAX];
    int64_t at = 0;

    snprintf(whole, sizeof whole, "%.*s:00Z", MINUTE_CHARS, text);
    assert_true(clock_read(whole, &at));
    return at;
}

static void tell(const struct next *next, char text[TEXT_MAX])
{
    char at[CLOCK_TEXT_MAX];

    clock_write(next->kind == NEXT_MAKE ? next->due_at : next->wait_until, at);
    if (next->kind == NEXT_ENDED)
        snprintf(text, TEXT_MAX, "ended");
    else if (next->kind == NEXT_MAKE)
        snprintf(text, TEXT_MAX, "make %.*sZ%s", MINUTE_CHARS, at,
                 next->skips_previous ? " in its place" : "");
    else if (next->wait_until == 0)
        snprintf(text, TEXT_MAX, "wait");
    else
        snprintf(text, TEXT_MAX, "wait %.*sZ", MINUTE_CHARS, at);
}

static void read_row(const struct rows *rows, struct series_rule *series,
                     struct series_newest *newest)
{
    const char *missed = strchr(rows->cells[0], ' ') + 1;
    const char *lead = strchr(missed, ' ');
    struct err err = {0};
    char *rest;

    series->from = 1;
    series->anchor = find(rows->cells[0], task_anchor_words);
    series->missed = find(missed, task_missed_words);
    if (!rule_read(rows->cells[1], "rule", &series->rule, &err) ||
        !local_time_read(rows->cells[2], &series->start))
        fail_msg("%s:%d: %s", rows->path, rows->line, err.text);
    if (lead != NULL)
        assert_true(duration_read(lead + 1, "lead", &series->lead, &err));
    newest->number = strtoll(rows->cells[3], &rest, 10);
    newest->scheduled_at = read_minute(rest + 1);
    newest->ended_at = strcmp(rows->cells[4], "open") == 0 ? 0 : read_minute(rows->cells[4]);
}

static void test_decisions_are_as_the_table_says(void **state)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    struct err err = {0};
    const struct zone *zone = zone_cache_get(zones, "Europe/Berlin", 0, &err);
    struct rows rows;

    (void)state;
    rows_open(&rows, "tests/unit/services/recurring-task/domain/next.txt");
    while (rows_next(&rows, 7)) {
        struct series_rule series = {.zone = zone};
        struct series_newest newest;
        char text[TEXT_MAX];
        struct next next;

        read_row(&rows, &series, &newest);
        next = next_decide(&series, &newest, read_minute(rows.cells[5]));
        tell(&next, text);
        if (strcmp(text, rows.cells[6]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, text);
    }
    zone_cache_free(zones);
}

/* A series that was edited begins anew: its numbers go on, its rule counts from there. */
static void test_a_later_version_counts_from_its_own_start(void **state)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    struct err err = {0};
    struct series_rule series = {.anchor = TASK_ANCHOR_COMPLETION,
                                 .missed = TASK_MISSED_COLLAPSE,
                                 .zone = zone_cache_get(zones, "Europe/Berlin", 0, &err),
                                 .from = 7};
    struct series_newest newest = {.number = 8,
                                   .scheduled_at = read_minute("2026-01-06T08:00Z"),
                                   .ended_at = read_minute("2026-01-06T08:30Z")};

    (void)state;
    assert_true(rule_read("FREQ=DAILY;COUNT=3", "rule", &series.rule, &err));
    assert_true(local_time_read("2026-01-05T09:00:00", &series.start));
    assert_int_equal(next_decide(&series, &newest, 0).kind, NEXT_MAKE);
    newest.number = 9;
    assert_int_equal(next_decide(&series, &newest, 0).kind, NEXT_ENDED);
    zone_cache_free(zones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions_are_as_the_table_says),
        cmocka_unit_test(test_a_later_version_counts_from_its_own_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

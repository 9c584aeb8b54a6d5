#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/events/task.h"
#include "services/recurring-task/domain/decision.h"

#define SERIES_ID "00000000-0000-7000-8000-000000000001"
#define TASK_ID "00000000-0000-7000-8000-000000000002"

static struct zone_cache *zones;
static const struct zone *utc;

static int set_up(void **state)
{
    struct err err = {0};

    (void)state;
    zones = zone_cache_new(NULL);
    utc = zone_cache_get(zones, "UTC", 0, &err);
    return utc != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    zone_cache_free(zones);
    return 0;
}

static int64_t at(const char *text)
{
    int64_t instant = 0;

    assert_true(clock_read(text, &instant));
    return instant;
}

/* Daily at nine, the first of three days open. */
static struct series daily(void)
{
    return (struct series){
        .id = {SERIES_ID},
        .version = 2,
        .revision = 7,
        .rule = "FREQ=DAILY;COUNT=3",
        .anchor = TASK_ANCHOR_DUE,
        .missed = TASK_MISSED_CATCH_UP,
        .time_zone = "UTC",
        .start = "2026-11-20T09:00:00",
        .start_occurrence = 1,
        .occurrence = 1,
        .task_id = {TASK_ID},
        .scheduled_at = at("2026-11-20T09:00:00Z"),
    };
}

static struct decision decide(const struct series *series, const char *now)
{
    struct decision decision;
    struct err err = {0};

    assert_true(decision_needs_rule(series));
    assert_true(decision_make(series, utc, at(now), &decision, &err));
    return decision;
}

static void expect_fault(const struct series *series, const char *text)
{
    struct decision decision;
    struct err err = {0};

    assert_true(decision_needs_rule(series));
    assert_false(decision_make(series, utc, at("2026-11-20T10:00:00Z"), &decision, &err));
    assert_non_null(strstr(err.text, text));
}

static void test_one_that_ended_has_its_next_said(void **state)
{
    struct series series = daily();
    struct decision decision;

    (void)state;
    series.ended_at = at("2026-11-20T10:00:00Z");
    decision = decide(&series, "2026-11-20T10:00:01Z");
    assert_true(decision.is_due);
    assert_int_equal(decision.decide_at, 0);
    assert_string_equal(decision.due.series_id.text, SERIES_ID);
    assert_string_equal(decision.due.previous_id.text, TASK_ID);
    assert_int_equal(decision.due.series_version, 2);
    assert_int_equal(decision.due.occurrence, 2);
    assert_int_equal(decision.due.due_at, at("2026-11-21T09:00:00Z"));
    assert_false(decision.due.skips_previous);
}

static void test_an_open_one_waits_for_the_next_instant(void **state)
{
    struct series series = daily();
    struct decision decision = decide(&series, "2026-11-20T10:00:00Z");

    (void)state;
    assert_false(decision.is_due);
    assert_int_equal(decision.decide_at, at("2026-11-21T09:00:00Z"));
    assert_false(decide(&series, "2026-11-21T08:59:59.999Z").is_due);
    assert_true(decide(&series, "2026-11-21T09:00:00Z").is_due);
    series.missed = TASK_MISSED_SKIP;
    assert_true(decide(&series, "2026-11-21T09:00:00Z").due.skips_previous);
    series.missed = TASK_MISSED_COLLAPSE;
    decision = decide(&series, "2026-11-29T09:00:00Z");
    assert_false(decision.is_due);
    assert_int_equal(decision.decide_at, 0);
}

static void test_an_open_one_waits_for_the_reminder_of_the_next(void **state)
{
    struct series series = daily();

    (void)state;
    series.lead = "-PT30M";
    assert_int_equal(decide(&series, "2026-11-20T10:00:00Z").decide_at, at("2026-11-21T08:29:00Z"));
    assert_true(decide(&series, "2026-11-21T08:29:00Z").is_due);
    assert_int_equal(decide(&series, "2026-11-21T08:29:00Z").due.due_at,
                     at("2026-11-21T09:00:00Z"));
}

static void test_the_lead_is_the_earliest_offset_before_the_due_date(void **state)
{
    static const char *const all[] = {
        "{\"id\":\"" TASK_ID "\",\"generation\":1,\"offset\":\"PT1H\"}",
        "{\"id\":\"" TASK_ID "\",\"generation\":1,\"offset\":\"PT0S\"}",
        "{\"id\":\"" TASK_ID "\",\"generation\":1,\"at\":\"2026-01-01T00:00:00Z\"}",
        "{\"id\":\"" TASK_ID "\",\"generation\":1,\"offset\":\"-PT23H\"}",
        "{\"id\":\"" TASK_ID "\",\"generation\":1,\"offset\":\"-P1D\"}",
        "{\"id\":\"" TASK_ID "\",\"generation\":1,\"offset\":\"-PT15M\"}",
        "nonsense",
    };
    struct task task = task_none;
    struct arena arena;
    const char *texts[7];

    (void)state;
    memcpy(texts, all, sizeof texts);
    arena_init(&arena);
    assert_null(decision_lead(&task, &arena));
    task.reminders = (struct json_texts){texts, 3};
    assert_null(decision_lead(&task, &arena));
    task.reminders.n_items = 4;
    assert_string_equal(decision_lead(&task, &arena), "-PT23H");
    task.reminders.n_items = 6;
    assert_string_equal(decision_lead(&task, &arena), "-P1D");
    task.reminders.n_items = 7;
    assert_null(decision_lead(&task, &arena));
    arena_clear(&arena);
}

static void test_a_rule_that_gives_no_more_says_nothing(void **state)
{
    struct series series = daily();
    struct decision decision;

    (void)state;
    series.occurrence = 3;
    series.scheduled_at = at("2026-11-22T09:00:00Z");
    series.ended_at = at("2026-11-22T10:00:00Z");
    decision = decide(&series, "2026-11-22T10:00:00Z");
    assert_false(decision.is_due);
    assert_int_equal(decision.decide_at, 0);
}

static void test_a_stopped_one_needs_no_rule(void **state)
{
    struct series series = daily();

    (void)state;
    series.rule = NULL;
    series.ended_at = at("2026-11-20T10:00:00Z");
    assert_false(decision_needs_rule(&series));
}

static void test_an_open_one_that_is_away_needs_no_rule_but_one_that_ended_does(void **state)
{
    struct series series = daily();

    (void)state;
    series.is_away = true;
    assert_false(decision_needs_rule(&series));
    series.ended_at = at("2026-11-20T10:00:00Z");
    assert_true(decide(&series, "2026-11-20T10:00:00Z").is_due);
}

static void test_what_was_said_is_not_said_again_but_by_another_version(void **state)
{
    struct series series = daily();

    (void)state;
    series.ended_at = at("2026-11-20T10:00:00Z");
    series.emitted_version = 2;
    series.emitted_occurrence = 2;
    assert_false(decision_needs_rule(&series));
    series.version = 3;
    assert_true(decide(&series, "2026-11-20T10:00:00Z").is_due);
    series.version = 2;
    series.occurrence = 2; /* it was made */
    assert_true(decision_needs_rule(&series));
}

static void test_what_cannot_be_read_is_a_fault_that_says_why(void **state)
{
    struct series series = daily();

    (void)state;
    series.rule = "FREQ=NEVER";
    expect_fault(&series, "recurrence: ");
    series = daily();
    series.anchor = TASK_ANCHOR_NONE;
    expect_fault(&series, "anchor");
    series = daily();
    series.missed = TASK_MISSED_NONE;
    expect_fault(&series, "missed");
    series = daily();
    series.start_occurrence = 0;
    expect_fault(&series, "series_from");
    series = daily();
    series.scheduled_at = 0;
    expect_fault(&series, "scheduled_at");
    series = daily();
    series.start = NULL;
    expect_fault(&series, "series_start: \"\" is no wall clock time");
    series.start = "2026-02-30T09:00:00";
    expect_fault(&series, "series_start: \"2026-02-30T09:00:00\" is no wall clock time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_ended_has_its_next_said),
        cmocka_unit_test(test_an_open_one_waits_for_the_next_instant),
        cmocka_unit_test(test_an_open_one_waits_for_the_reminder_of_the_next),
        cmocka_unit_test(test_the_lead_is_the_earliest_offset_before_the_due_date),
        cmocka_unit_test(test_a_rule_that_gives_no_more_says_nothing),
        cmocka_unit_test(test_a_stopped_one_needs_no_rule),
        cmocka_unit_test(test_an_open_one_that_is_away_needs_no_rule_but_one_that_ended_does),
        cmocka_unit_test(test_what_was_said_is_not_said_again_but_by_another_version),
        cmocka_unit_test(test_what_cannot_be_read_is_a_fault_that_says_why),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* tests/unit/services/backend/domain/test_series.c — what an edit does to a series, and which events
 * make its next occurrence, against series.txt and series_due.txt. */
#include "services/backend/domain/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/recurrence/zone.h"
#include "services/backend/domain/task_op.h"
#include "tests/unit/support/rows.h"

static const char EDITS_PATH[] = "tests/unit/services/backend/domain/series.txt";
static const char DUES_PATH[] = "tests/unit/services/backend/domain/series_due.txt";

enum { NOW = 5000 };

static const char *const TAGS[] = {"home"};
static const char *const OFFSETS[] = {"-PT1H"};
static const char *const REMINDERS[] = {
    "{\"id\":\"0197fd7a-0000-7000-8000-000000000001\",\"offset\":\"-PT1H\",\"at\":null,"
    "\"snoozed_until\":null,\"generation\":1,\"sent_at\":null,\"channel\":null}"};

static struct json_texts list_of(const char *const *item)
{
    return (struct json_texts){(const char **)(uintptr_t)item, 1};
}

static int64_t instant(const char *text)
{
    int64_t at;

    assert_true(clock_read(text, &at));
    return at;
}

/* The task of the table's head. */
static struct task occurrence_3(void)
{
    struct task task = task_none;

    task.id = (struct uuid){"0197fd7a-0000-7000-8000-000000000003"};
    task.title = "a";
    task.description = "";
    task.priority = TASK_PRIORITY_NORMAL;
    task.tags = list_of(TAGS);
    task.due_at = task.scheduled_at = instant("2027-03-03T08:00:00Z");
    task.time_zone = "Europe/Berlin";
    task.recurrence = "FREQ=DAILY";
    task.anchor = TASK_ANCHOR_DUE;
    task.missed = TASK_MISSED_COLLAPSE;
    task.series_id = (struct uuid){"0197fd7a-0000-7000-8000-00000000000a"};
    task.series_version = 4;
    task.occurrence = 3;
    task.series_start = "2027-03-01T09:00:00";
    task.series_from = 1;
    task.reminders = list_of(REMINDERS);
    task.version = 7;
    return task;
}

static struct series series_of(const struct task *task)
{
    return (struct series){
        .id = task->series_id,
        .version = 4,
        .revision = 9,
        .last_occurrence = 3,
        .newest_id = task->id,
        .recurrence = "FREQ=DAILY",
        .anchor = TASK_ANCHOR_DUE,
        .missed = TASK_MISSED_COLLAPSE,
        .time_zone = "Europe/Berlin",
        .start = "2027-03-01T09:00:00",
        .from = 1,
        .title = "a",
        .description = "",
        .priority = TASK_PRIORITY_NORMAL,
        .tags = list_of(TAGS),
        .offsets = list_of(OFFSETS),
    };
}

/* A series that was stopped, or an older occurrence, as the cell says. */
static void arrange(const char *cell, struct task *task, struct series *series)
{
    *task = occurrence_3();
    *series = series_of(task);
    if (strstr(cell, "stopped") != NULL) {
        series->stopped_at = 1000;
        task->recurrence = NULL;
        task->anchor = TASK_ANCHOR_NONE;
        task->missed = TASK_MISSED_NONE;
    }
    if (strstr(cell, "older") != NULL) {
        series->newest_id = (struct uuid){"0197fd7a-0000-7000-8000-000000000004"};
        series->last_occurrence = 4;
    }
}

static void read_edit(char *const *cells, struct task_patch *patch, struct arena *arena)
{
    struct json_reading reading = task_patch_reading;
    struct err err = {0};

    *patch = (struct task_patch){0};
    reading.present = &patch->present;
    if (cells[2][0] != '\0')
        patch->scope = strcmp(cells[2], "this") == 0 ? TASK_SCOPE_THIS : TASK_SCOPE_LATER;
    assert_true(json_read(cells[1], strlen(cells[1]), &reading, arena, &patch->task, &err));
    assert_true(task_patch_check(patch, arena, &err));
}

static void write_list(struct buf *buf, const char *name, const struct json_texts *list)
{
    buf_format(buf, " %s=", name);
    for (size_t i = 0; i < list->n_items; i++)
        buf_format(buf, "%s%s", i > 0 ? "," : "", list->items[i]);
}

static bool is_same_list(const struct json_texts *one, const struct json_texts *other)
{
    if (one->n_items != other->n_items)
        return false;
    for (size_t i = 0; i < one->n_items; i++)
        if (strcmp(one->items[i], other->items[i]) != 0)
            return false;
    return true;
}

static void write_series(const struct series *series, const struct series *before, struct buf *buf)
{
    buf_format(buf, "%lld %s %lld%s", (long long)series->version, series->start,
               (long long)series->from, series->stopped_at != 0 ? " stopped" : "");
    if (strcmp(series->title, before->title) != 0)
        buf_format(buf, " title=%s", series->title);
    if (strcmp(series->description, before->description) != 0)
        buf_format(buf, " description=%s", series->description);
    if (series->priority != before->priority)
        buf_format(buf, " priority=%s", task_priority_words[series->priority]);
    if (!is_same_list(&series->tags, &before->tags))
        write_list(buf, "tags", &series->tags);
    if (!is_same_list(&series->offsets, &before->offsets))
        write_list(buf, "reminders", &series->offsets);
}

/* What holds of every edit: task and series tell the same. */
static void check_together(const struct task *task, const struct series *series,
                           const struct series *before)
{
    const bool is_another = series->version != before->version;

    assert_int_equal(series->last_occurrence, before->last_occurrence);
    if (!is_another)
        return;
    assert_int_equal(series->revision, before->revision + 1);
    assert_int_equal(task->series_version, series->version);
    if (series->stopped_at != 0) {
        assert_null(task->recurrence);
        assert_string_equal(series->recurrence, before->recurrence);
        return;
    }
    assert_string_equal(task->recurrence, series->recurrence);
    assert_int_equal(task->anchor, series->anchor);
    assert_int_equal(task->missed, series->missed);
    assert_string_equal(task->time_zone, series->time_zone);
    assert_string_equal(task->series_start, series->start);
    assert_int_equal(task->series_from, task->occurrence);
    assert_int_equal(task->scheduled_at, task->due_at);
}

static void run_edit(const struct rows *rows, struct zone_cache *zones, struct arena *arena,
                     struct buf *outcome)
{
    struct task_patch patch;
    struct task_deed deed = {.op = TASK_UPDATE,
                             .patch = &patch,
                             .account_zone = "America/Lima",
                             .now_ms = NOW,
                             .arena = arena};
    struct series series, before;
    struct task task;
    struct err err = {0};
    const char *zone;
    bool has_changed;

    arrange(rows->cells[0], &task, &series);
    before = series;
    read_edit(rows->cells, &patch, arena);
    zone = task_deed_zone(&deed, &task);
    if (zone != NULL)
        deed.zone = zone_cache_get(zones, zone, 0, &err);
    if (!task_op_apply(&deed, &task, &series, &has_changed, &err)) {
        buf_add_text(outcome, err.slug);
        assert_non_null(strstr(err.text, before.newest_id.text));
        return;
    }
    check_together(&task, &series, &before);
    write_series(&series, &before, outcome);
}

static void test_each_edit_does_to_the_series_what_the_table_says(void **state)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    struct rows rows;

    (void)state;
    rows_open(&rows, EDITS_PATH);
    while (rows_next(&rows, 4)) {
        struct arena arena;
        struct buf outcome;

        arena_init(&arena);
        buf_init(&outcome);
        run_edit(&rows, zones, &arena, &outcome);
        if (strcmp(buf_text(&outcome), rows.cells[3]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, buf_text(&outcome));
        buf_clear(&outcome);
        arena_clear(&arena);
    }
    zone_cache_free(zones);
}

static void test_each_event_is_judged_as_the_table_says(void **state)
{
    static const char *const words[] = {"makes", "stale", "not_next", "trashed"};
    struct rows rows;

    (void)state;
    rows_open(&rows, DUES_PATH);
    while (rows_next(&rows, 3)) {
        struct task task = occurrence_3();
        struct series series = series_of(&task);
        struct recurrence_due due = {.series_id = series.id};
        char *end;
        enum series_verdict verdict;

        series.version = strtoll(rows.cells[0], &end, 10);
        series.last_occurrence = strtoll(end, &end, 10);
        series.stopped_at = strstr(end, "stopped") != NULL;
        due.series_version = strtoll(rows.cells[1], &end, 10);
        due.occurrence = strtoll(end, &end, 10);
        task.status = strstr(rows.cells[0], "completed") != NULL ? TASK_COMPLETED : TASK_OPEN;
        task.deleted_at = strstr(rows.cells[0], "trashed") != NULL ? NOW : 0;
        verdict =
            series_judge(&series, strstr(rows.cells[0], "purged") != NULL ? NULL : &task, &due);
        if (strcmp(words[verdict], rows.cells[2]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, words[verdict]);
    }
    assert_int_equal(series_judge(&series_none, NULL, &(struct recurrence_due){0}), SERIES_STALE);
}

static void test_the_next_occurrence_is_that_of_the_template(void **state)
{
    const struct task newest = occurrence_3();
    const struct recurrence_due due = {
        .series_version = 4, .occurrence = 4, .due_at = instant("2027-03-04T08:00:00Z")};
    struct arena arena;
    const struct series_birth birth = {
        .id = uuid_new(NOW), .owner_id = uuid_new(NOW), .now_ms = NOW, .arena = &arena};
    struct series series = series_of(&newest);
    struct task task;

    (void)state;
    arena_init(&arena);
    series.created_at = 1;
    series_make_next(&series, &due, &birth, &task);
    assert_string_equal(task.id.text, birth.id.text);
    assert_string_equal(task.title, "a");
    assert_int_equal(task.status, TASK_OPEN);
    assert_int_equal(task.due_at, due.due_at);
    assert_int_equal(task.scheduled_at, due.due_at);
    assert_int_equal(task.occurrence, 4);
    assert_int_equal(task.series_version, 4);
    assert_int_equal(task.series_from, 1);
    assert_string_equal(task.series_start, "2027-03-01T09:00:00");
    assert_int_equal(task.reminders.n_items, 1);
    assert_non_null(strstr(task.reminders.items[0], "{\"id\":\"00000000-0001-7")); /* of 1 ms */
    assert_int_equal(task.version, 1);
    assert_int_equal(task.created_at, NOW);
    assert_int_equal(series.last_occurrence, 4);
    assert_int_equal(series.revision, 10);
    assert_string_equal(series.newest_id.text, birth.id.text);
    arena_clear(&arena);
}

static void test_stopping_twice_changes_nothing(void **state)
{
    struct task task = occurrence_3();
    struct series series = series_of(&task);
    struct err err = {0};
    bool has_changed;

    (void)state;
    assert_true(series_stop(&series, &task, NOW, &has_changed, &err));
    assert_true(has_changed);
    assert_int_equal(series.stopped_at, NOW);
    assert_int_equal(series.version, 5);
    assert_true(series_stop(&series, &task, NOW + 1, &has_changed, &err));
    assert_false(has_changed);
    assert_int_equal(series.stopped_at, NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_edit_does_to_the_series_what_the_table_says),
        cmocka_unit_test(test_each_event_is_judged_as_the_table_says),
        cmocka_unit_test(test_the_next_occurrence_is_that_of_the_template),
        cmocka_unit_test(test_stopping_twice_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

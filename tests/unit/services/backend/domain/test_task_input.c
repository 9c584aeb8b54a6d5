/* tests/unit/services/backend/domain/test_task_input.c — what may be written of a task, against
 * task_input.txt, and how a patch is merged. */
#include "services/backend/domain/task_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/task_input.txt";

/* Bits of task_patch.present, in the order of the fields. */
enum { TITLE = 1, DESCRIPTION = 2, PRIORITY = 4, TAGS = 8, DUE_AT = 16, TIME_ZONE = 32 };

static void begin(struct buf *buf, const char *name)
{
    buf_format(buf, "%s%s=", buf->n_bytes > 0 ? ";" : "", name);
}

static void add_escaped(struct buf *buf, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\n')
            buf_add_text(buf, "\\n");
        else
            buf_add_char(buf, *text);
}

static const char *word_of(const char *const *words, int choice)
{
    return choice < 0 ? "" : words[choice];
}

/* Rule, scope and reminders. */
static void write_series(const struct task_patch *patch, struct buf *buf)
{
    const struct task *task = &patch->task;
    char time[CLOCK_TEXT_MAX];

    if (task_patch_has(patch, TASK_FIELD_RECURRENCE)) {
        begin(buf, "recurrence");
        buf_add_text(buf, task->recurrence == NULL ? "" : task->recurrence);
    }
    if (task_patch_has(patch, TASK_FIELD_ANCHOR)) {
        begin(buf, "anchor");
        buf_add_text(buf, word_of(task_anchor_words, task->anchor));
    }
    if (task_patch_has(patch, TASK_FIELD_MISSED)) {
        begin(buf, "missed");
        buf_add_text(buf, word_of(task_missed_words, task->missed));
    }
    if (patch->scope != TASK_SCOPE_NONE) {
        begin(buf, "scope");
        buf_add_text(buf, task_scope_words[patch->scope - 1]);
    }
    if (!task_patch_has(patch, TASK_FIELD_REMINDERS))
        return;
    begin(buf, "reminders");
    for (size_t i = 0; i < patch->reminders.n_reminders; i++) {
        const struct reminder *reminder = &patch->reminders.reminders[i];

        if (reminder->offset == NULL)
            clock_write(reminder->at, time);
        buf_format(buf, "%s%s", i > 0 ? "," : "",
                   reminder->offset == NULL ? time : reminder->offset);
    }
}

static void write_patch(const struct task_patch *patch, struct buf *buf)
{
    const struct task *task = &patch->task;
    char time[CLOCK_TEXT_MAX];

    if (patch->present & TITLE) {
        begin(buf, "title");
        add_escaped(buf, task->title);
    }
    if (patch->present & DESCRIPTION) {
        begin(buf, "description");
        add_escaped(buf, task->description);
    }
    if (patch->present & PRIORITY) {
        begin(buf, "priority");
        buf_add_text(buf, task_priority_words[task->priority]);
    }
    if (patch->present & TAGS) {
        begin(buf, "tags");
        for (size_t i = 0; i < task->tags.n_items; i++)
            buf_format(buf, "%s%s", i > 0 ? "," : "", task->tags.items[i]);
    }
    if (patch->present & DUE_AT) {
        begin(buf, "due_at");
        if (task->due_at != 0) {
            clock_write(task->due_at, time);
            buf_add_text(buf, time);
        }
    }
    if (patch->present & TIME_ZONE) {
        begin(buf, "time_zone");
        buf_add_text(buf, task->time_zone == NULL ? "" : task->time_zone);
    }
    write_series(patch, buf);
}

static void write_errors(const struct err *err, struct buf *buf)
{
    for (size_t i = 0; i < err->n_fields; i++)
        buf_format(buf, "%s%s: %s", i > 0 ? "; " : "", err->fields[i].field, err->fields[i].text);
}

static void test_each_input_becomes_what_the_table_says(void **state)
{
    struct rows rows;

    (void)state;
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 3)) {
        const struct json_reading *reading =
            strcmp(rows.cells[0], "new") == 0 ? &task_new_reading : &task_patch_reading;
        struct json_reading noting = *reading;
        struct task_patch patch = {0};
        struct err err = {0};
        struct arena arena;
        struct buf outcome;

        noting.present = &patch.present;
        arena_init(&arena);
        buf_init(&outcome);
        if (json_read(rows.cells[1], strlen(rows.cells[1]), &noting, &arena, &patch.task, &err) &&
            task_patch_check(&patch, &arena, &err))
            write_patch(&patch, &outcome);
        else
            write_errors(&err, &outcome);
        if (strcmp(buf_text(&outcome), rows.cells[2]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, buf_text(&outcome));
        buf_clear(&outcome);
        arena_clear(&arena);
    }
}

static void test_titles_are_counted_in_characters(void **state)
{
    char json[2 * 501 + 32] = "{\"title\":\"";
    size_t length = strlen(json);

    (void)state;
    for (size_t n = 1; n <= 501; n++) {
        struct task task = {0};
        struct err err = {0};
        struct arena arena;
        bool ok;

        arena_init(&arena);
        strcpy(json + length, "ä\"}");
        length += 2;
        ok = json_read(json, length + 2, &task_new_reading, &arena, &task, &err);
        assert_int_equal(ok, n <= TASK_TITLE_MAX);
        arena_clear(&arena);
    }
}

static void test_an_error_has_the_path_before_the_field(void **state)
{
    struct task_patch patch = {.task = {.title = " ", .due_at = 1},
                               .present = TITLE | DUE_AT,
                               .path = "operations[3].task."};
    struct err err = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena);
    assert_false(task_patch_check(&patch, &arena, &err));
    assert_int_equal(err.n_fields, 2);
    assert_string_equal(err.fields[0].field, "operations[3].task.title");
    assert_string_equal(err.fields[1].field, "operations[3].task.due_at");
    arena_clear(&arena);
}

static struct task stored(void)
{
    return (struct task){.title = "Old",
                         .description = "text",
                         .priority = TASK_PRIORITY_HIGH,
                         .due_at = INT64_C(1790000000000),
                         .time_zone = "Europe/Berlin",
                         .anchor = TASK_ANCHOR_NONE,
                         .missed = TASK_MISSED_NONE};
}

static bool merge(const struct task_patch *patch, struct task *task, struct err *err)
{
    static const char *const account_zone = "America/Lima";
    struct arena arena;
    struct task_merge how = {.account_zone = account_zone, .now_ms = 1, .arena = &arena};
    bool ok;

    arena_init(&arena);
    ok = task_patch_merge(patch, &how, task, err);
    arena_clear(&arena);
    return ok;
}

static void test_absent_fields_stay(void **state)
{
    const struct task_patch patch = {.task = {.title = "New"}, .present = TITLE};
    struct task task = stored();
    struct err err = {0};

    (void)state;
    assert_true(merge(&patch, &task, &err));
    assert_string_equal(task.title, "New");
    assert_string_equal(task.description, "text");
    assert_int_equal(task.priority, TASK_PRIORITY_HIGH);
    assert_int_equal(task.due_at, INT64_C(1790000000000));
    assert_string_equal(task.time_zone, "Europe/Berlin");
}

static void test_a_due_date_that_goes_takes_its_zone_along(void **state)
{
    const struct task_patch patch = {.present = DUE_AT};
    struct task task = stored();
    struct err err = {0};

    (void)state;
    assert_true(merge(&patch, &task, &err));
    assert_int_equal(task.due_at, 0);
    assert_null(task.time_zone);
}

static void test_a_zone_needs_a_due_date(void **state)
{
    const struct task_patch patch = {.task = {.time_zone = "Europe/Berlin"},
                                     .present = TIME_ZONE | DUE_AT};
    struct task task = stored();
    struct err err = {0};

    (void)state;
    assert_false(merge(&patch, &task, &err));
    assert_string_equal(err.fields[0].field, "time_zone");
    assert_string_equal(err.fields[0].text, "needs a due_at");
}

static struct task_patch rule_patch(void)
{
    return (struct task_patch){.task = {.recurrence = "FREQ=DAILY",
                                        .anchor = TASK_ANCHOR_NONE,
                                        .missed = TASK_MISSED_NONE},
                               .present = UINT64_C(1) << TASK_FIELD_RECURRENCE};
}

static void test_a_recurrence_has_its_defaults(void **state)
{
    const struct task_patch patch = rule_patch();
    struct task task = stored();
    struct err err = {0};

    (void)state;
    task.time_zone = NULL;
    assert_true(merge(&patch, &task, &err));
    assert_int_equal(task.anchor, TASK_ANCHOR_DUE);
    assert_int_equal(task.missed, TASK_MISSED_COLLAPSE);
    assert_string_equal(task.time_zone, "America/Lima");
}

static void test_a_recurrence_needs_a_due_date(void **state)
{
    const struct task_patch patch = rule_patch();
    const struct task_patch undated = {.present = DUE_AT};
    struct task task = stored();
    struct err err = {0};

    (void)state;
    task.due_at = 0;
    task.time_zone = NULL;
    assert_false(merge(&patch, &task, &err));
    assert_string_equal(err.fields[0].field, "recurrence");
    task = stored();
    task.recurrence = "FREQ=DAILY";
    err_clear(&err);
    assert_false(merge(&undated, &task, &err));
    assert_string_equal(err.fields[0].field, "due_at");
}

static void test_anchor_and_missed_need_a_recurrence_and_go_with_it(void **state)
{
    const struct task_patch anchor = {.task = {.anchor = TASK_ANCHOR_DUE},
                                      .present = UINT64_C(1) << TASK_FIELD_ANCHOR};
    const struct task_patch missed = {.task = {.missed = TASK_MISSED_SKIP},
                                      .present = UINT64_C(1) << TASK_FIELD_MISSED};
    struct task_patch none = rule_patch();
    struct task task = stored();
    struct err err = {0};

    (void)state;
    assert_false(merge(&anchor, &task, &err));
    assert_string_equal(err.fields[0].field, "anchor");
    err_clear(&err);
    task = stored();
    assert_false(merge(&missed, &task, &err));
    assert_string_equal(err.fields[0].field, "missed");
    err_clear(&err);
    task = stored();
    task.recurrence = "FREQ=DAILY";
    task.anchor = TASK_ANCHOR_COMPLETION;
    task.missed = TASK_MISSED_SKIP;
    none.task.recurrence = NULL;
    assert_true(merge(&none, &task, &err));
    assert_null(task.recurrence);
    assert_int_equal(task.anchor, TASK_ANCHOR_NONE);
    assert_int_equal(task.missed, TASK_MISSED_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_input_becomes_what_the_table_says),
        cmocka_unit_test(test_titles_are_counted_in_characters),
        cmocka_unit_test(test_an_error_has_the_path_before_the_field),
        cmocka_unit_test(test_absent_fields_stay),
        cmocka_unit_test(test_a_due_date_that_goes_takes_its_zone_along),
        cmocka_unit_test(test_a_zone_needs_a_due_date),
        cmocka_unit_test(test_a_recurrence_has_its_defaults),
        cmocka_unit_test(test_a_recurrence_needs_a_due_date),
        cmocka_unit_test(test_anchor_and_missed_need_a_recurrence_and_go_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/services/backend/domain/test_task_op.c — the state machine, against task_op.txt. */
#include "services/backend/domain/task_op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/events/event_types.h"
#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/task_op.txt";

enum { BEFORE = 1000, NOW = 5000 };

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static struct task_deed deed_of(enum task_op op)
{
    static const struct task_snooze snooze = {
        .for_ms = 600000, .reminder_id = {"0197fd7a-0000-7000-8000-000000000001"}};
    static const struct task_reminded reminded = {
        .reminder_id = {"0197fd7a-0000-7000-8000-000000000001"}, .generation = 1, .sent_at = 4000};

    return (struct task_deed){
        .op = op,
        .snooze = op == TASK_SNOOZE ? &snooze : NULL,
        .reminded = op == TASK_REMIND ? &reminded : NULL,
        .now_ms = NOW,
        .arena = &arena,
    };
}

static bool apply(const struct task_deed *deed, struct task *task, bool *has_changed,
                  struct err *err)
{
    struct series series = series_none;

    if (task->series_id.text[0] != '\0') {
        series.id = task->series_id;
        series.newest_id = task->id;
        series.version = series.revision = series.last_occurrence = 1;
    }
    return task_op_apply(deed, task, &series, has_changed, err);
}

static int index_of(const char *const *words, const char *word)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    fail_msg("%s is no such word", word);
    return -1;
}

static struct task task_in(const char *state)
{
    static const char *reminder =
        "{\"id\":\"0197fd7a-0000-7000-8000-000000000001\",\"offset\":null,"
        "\"at\":\"2027-01-01T00:00:00.000Z\",\"snoozed_until\":null,"
        "\"generation\":1,\"set_at\":null,\"sent_at\":null,\"channel\":null}";
    struct task task = task_none;

    task.id = (struct uuid){"0197fd7a-0000-7000-8000-00000000000a"};
    task.title = "Buy milk";
    task.description = "";
    task.priority = TASK_PRIORITY_NORMAL;
    task.reminders = (struct json_texts){&reminder, 1};
    task.version = 7;
    task.created_at = task.updated_at = BEFORE;
    if (strstr(state, "plain") == NULL) {
        task.series_id = (struct uuid){"0197fd7a-0000-7000-8000-00000000000b"};
        task.occurrence = 1;
    }

    if (strstr(state, "completed") != NULL) {
        task.status = TASK_COMPLETED;
        task.completed_at = BEFORE;
    }
    if (strstr(state, "skipped") != NULL) {
        task.status = TASK_SKIPPED;
        task.completed_at = BEFORE;
    }
    if (strstr(state, "trash") != NULL)
        task.deleted_at = BEFORE;
    return task;
}

static void assert_state(const struct rows *rows, const struct task *task, const char *state)
{
    const struct task wanted = task_in(state);

    if (task->status != wanted.status || (task->completed_at != 0) != (wanted.completed_at != 0) ||
        (task->deleted_at != 0) != (wanted.deleted_at != 0))
        fail_msg("%s:%d: not %s afterwards", rows->path, rows->line, state);
}

static void test_each_operation_does_in_each_state_what_the_table_says(void **state)
{
    struct rows rows;

    (void)state;
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 4)) {
        const int op = index_of(task_op_words, rows.cells[0]);
        const struct task_patch patch = {.task = {.title = "Buy oat milk"}, .present = 1};
        struct task_deed deed = deed_of((enum task_op)op);
        struct task task = task_in(rows.cells[1]);
        struct err err = {0};
        bool has_changed = false, ok;

        deed.patch = op == TASK_UPDATE ? &patch : NULL;
        ok = apply(&deed, &task, &has_changed, &err);

        const char *outcome = !ok ? err.slug : has_changed ? "changes" : "same";

        if (strcmp(outcome, rows.cells[2]) != 0)
            fail_msg("%s:%d: %s instead of %s", rows.path, rows.line, outcome, rows.cells[2]);
        assert_state(&rows, &task, rows.cells[3]);
        assert_int_equal(task.version, has_changed ? 8 : 7);
        assert_int_equal(task.updated_at, has_changed && op != TASK_REMIND ? NOW : BEFORE);
        assert_int_equal(err.code, ok ? ERR_NONE : ERR_CONFLICT);
    }
}

static void test_completing_notes_when_and_reopening_forgets_it(void **state)
{
    const struct task_deed complete = deed_of(TASK_COMPLETE), reopen = deed_of(TASK_REOPEN);
    struct task task = task_in("open");
    struct err err = {0};
    bool has_changed;

    (void)state;
    assert_true(apply(&complete, &task, &has_changed, &err));
    assert_int_equal(task.completed_at, NOW);
    assert_true(apply(&reopen, &task, &has_changed, &err));
    assert_int_equal(task.completed_at, 0);
    assert_int_equal(task.version, 9);
}

static void test_an_update_to_what_is_there_changes_nothing(void **state)
{
    const struct task_patch patch = {.task = {.title = "Buy milk"}, .present = 1};
    struct task_deed deed = deed_of(TASK_UPDATE);
    struct task task = task_in("open");
    struct err err = {0};
    bool has_changed = true;

    (void)state;
    deed.patch = &patch;
    assert_true(apply(&deed, &task, &has_changed, &err));
    assert_false(has_changed);
    assert_int_equal(task.version, 7);
}

static void test_a_new_task_is_open_with_version_1(void **state)
{
    const struct task_patch patch = {.task = {.title = "Buy milk"}, .present = 1};
    const struct uuid id = uuid_new(NOW), owner_id = uuid_new(NOW);
    struct task_deed deed = deed_of(TASK_CREATE);
    struct series series;
    struct task task;
    struct err err = {0};

    (void)state;
    deed.patch = &patch;
    assert_true(task_op_create(&deed, id, owner_id, &task, &series, &err));
    assert_false(series_is_there(&series));
    assert_string_equal(task.id.text, id.text);
    assert_string_equal(task.owner_id.text, owner_id.text);
    assert_string_equal(task.title, "Buy milk");
    assert_string_equal(task.description, "");
    assert_int_equal(task.status, TASK_OPEN);
    assert_int_equal(task.priority, TASK_PRIORITY_NORMAL);
    assert_int_equal(task.version, 1);
    assert_int_equal(task.created_at, NOW);
    assert_int_equal(task.updated_at, NOW);
    assert_int_equal(task.deleted_at, 0);
}

static void test_ids_are_in_the_order_of_creation_to_the_microsecond(void **state)
{
    struct uuid before = task_id_new(INT64_C(1795254360000000));

    (void)state;
    for (int i = 1; i < 5000; i++) {
        struct uuid next = task_id_new(INT64_C(1795254360000000) + i);

        assert_true(uuid_is_valid(next.text));
        assert_int_equal(next.text[14], '7');
        assert_true(strcmp(before.text, next.text) < 0);
        before = next;
    }
}

static void test_each_operation_has_the_event_of_its_name(void **state)
{
    (void)state;
    assert_string_equal(task_op_event(TASK_CREATE), EVENT_TASK_CREATED);
    assert_string_equal(task_op_event(TASK_UPDATE), EVENT_TASK_UPDATED);
    assert_string_equal(task_op_event(TASK_COMPLETE), EVENT_TASK_COMPLETED);
    assert_string_equal(task_op_event(TASK_REOPEN), EVENT_TASK_REOPENED);
    assert_string_equal(task_op_event(TASK_DELETE), EVENT_TASK_DELETED);
    assert_string_equal(task_op_event(TASK_RESTORE), EVENT_TASK_RESTORED);
    assert_string_equal(task_op_event(TASK_PURGE), EVENT_TASK_PURGED);
    assert_string_equal(task_op_event(TASK_SKIP), EVENT_TASK_SKIPPED);
    assert_string_equal(task_op_event(TASK_STOP), EVENT_TASK_UPDATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_operation_does_in_each_state_what_the_table_says),
        cmocka_unit_test(test_completing_notes_when_and_reopening_forgets_it),
        cmocka_unit_test(test_an_update_to_what_is_there_changes_nothing),
        cmocka_unit_test(test_a_new_task_is_open_with_version_1),
        cmocka_unit_test(test_ids_are_in_the_order_of_creation_to_the_microsecond),
        cmocka_unit_test(test_each_operation_has_the_event_of_its_name),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

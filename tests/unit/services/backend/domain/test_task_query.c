/* tests/unit/services/backend/domain/test_task_query.c — the parameters of a list, against
 * task_query.txt, and its cursors. */
#include "services/backend/domain/task_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/task_query.txt";

struct fixture {
    struct arena arena;
    struct task_query query;
    struct err err;
};

static int set_up(void **state)
{
    static struct fixture fixture; /* the tests of a group run one after the other */

    fixture = (struct fixture){0};
    arena_init(&fixture.arena);
    task_query_init(&fixture.query);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    arena_clear(&((struct fixture *)*state)->arena);
    return 0;
}

static bool take(struct fixture *f, struct task_query *query, const char *name, const char *value)
{
    return task_query_take(query, name, value, &f->arena, &f->err);
}

static void test_each_parameter_is_judged_as_the_table_says(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 2)) {
        char *value = strchr(rows.cells[0], '=');
        const char *outcome = "ok";

        *value++ = '\0';
        err_clear(&f->err);
        task_query_init(&f->query);
        if (!take(f, &f->query, rows.cells[0], value)) {
            assert_string_equal(f->err.fields[0].field, rows.cells[0]);
            outcome = f->err.fields[0].text;
        }
        if (strcmp(outcome, rows.cells[1]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, outcome);
    }
}

static void test_absent_parameters_change_nothing(void **state)
{
    struct fixture *f = *state;
    const struct task_query before = f->query;

    for (size_t i = 0; task_query_names[i] != NULL; i++)
        assert_true(take(f, &f->query, task_query_names[i], NULL));
    assert_memory_equal(&before, &f->query, sizeof before);
    assert_int_equal(f->query.limit, TASK_QUERY_LIMIT_INITIAL);
    assert_int_equal(f->query.is_trash, 0);
}

static void test_the_usual_order_is_that_of_the_sort(void **state)
{
    static const int usual[] = {TASK_DESCENDING, TASK_ASCENDING, TASK_DESCENDING, TASK_ASCENDING};
    struct fixture *f = *state;

    for (int sort = 0; sort < TASK_N_SORTS; sort++) {
        task_query_init(&f->query);
        assert_true(take(f, &f->query, "sort", task_sort_words[sort]));
        assert_int_equal(task_query_order(&f->query), usual[sort]);
        assert_true(take(f, &f->query, "order", "asc"));
        assert_int_equal(task_query_order(&f->query), TASK_ASCENDING);
    }
}

static void test_a_tag_is_compared_whatever_its_case(void **state)
{
    struct fixture *f = *state;

    assert_true(take(f, &f->query, "tag", " ÄRGER "));
    assert_string_equal(f->query.tag_key, "ärger");
}

/* The title is as long and as awkward as one may be. */
static struct task last_of_page(struct fixture *f)
{
    char *title = arena_new(&f->arena, TASK_TITLE_MAX * 4 + 1);
    struct task task = {
        .id = uuid_new(1000), .priority = TASK_PRIORITY_URGENT, .due_at = 1790000000123};

    for (size_t i = 0; i < TASK_TITLE_MAX; i++)
        strcat(title, i % 2 ? "\"" : "😀");
    task.title = title;
    return task;
}

static void test_a_cursor_goes_on_after_the_last_task(void **state)
{
    static const int64_t numbers[] = {0, 1790000000123, TASK_PRIORITY_URGENT, 0};
    struct fixture *f = *state;
    const struct task last = last_of_page(f);

    for (int sort = 0; sort < TASK_N_SORTS; sort++) {
        struct task_query next;

        task_query_init(&f->query);
        assert_true(take(f, &f->query, "sort", task_sort_words[sort]));
        task_query_init(&next);
        assert_true(take(f, &next, "sort", task_sort_words[sort]));
        assert_true(take(f, &next, "cursor", task_query_cursor(&f->query, &last, &f->arena)));
        assert_string_equal(next.after.id.text, last.id.text);
        assert_int_equal(next.after.number, numbers[sort]);
        if (sort == TASK_SORT_TITLE)
            assert_string_equal(next.after.title, last.title);
    }
}

static void test_a_cursor_fits_its_own_list_alone(void **state)
{
    static const char *const others[][2] = {
        {"status", "open"},   {"priority", "low"},
        {"tag", "home"},      {"due_after", "2026-11-21T09:46:00Z"},
        {"q", "milk"},        {"due_before", "2026-11-21T09:46:00Z"},
        {"trash", "true"},    {"overdue", "false"},
        {"sort", "priority"}, {"order", "asc"},
    };
    struct fixture *f = *state;
    const struct task last = last_of_page(f);
    const char *cursor = task_query_cursor(&f->query, &last, &f->arena);

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        err_clear(&f->err);
        task_query_init(&f->query);
        assert_true(take(f, &f->query, others[i][0], others[i][1]));
        assert_false(take(f, &f->query, "cursor", cursor));
        assert_string_equal(f->err.fields[0].text,
                            "belongs to a list with other filters or another order");
    }
    task_query_init(&f->query);
    assert_true(take(f, &f->query, "limit", "7"));    /* a page may have another size */
    assert_true(take(f, &f->query, "order", "desc")); /* the usual one */
    assert_true(take(f, &f->query, "cursor", cursor));
}

static void test_no_changed_byte_of_a_cursor_goes_unnoticed_or_crashes(void **state)
{
    struct fixture *f = *state;
    const struct task last = {.id = uuid_new(1000)};
    char *cursor = arena_copy_text(&f->arena, task_query_cursor(&f->query, &last, &f->arena));

    for (size_t i = 0; cursor[i] != '\0'; i++) {
        const char was = cursor[i];
        struct task_query next;

        task_query_init(&next);
        cursor[i] = '.';
        assert_false(take(f, &next, "cursor", cursor));
        cursor[i] = '\0';
        assert_false(take(f, &next, "cursor", cursor));
        cursor[i] = was;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_each_parameter_is_judged_as_the_table_says),
        TEST(test_absent_parameters_change_nothing),
        TEST(test_the_usual_order_is_that_of_the_sort),
        TEST(test_a_tag_is_compared_whatever_its_case),
        TEST(test_a_cursor_goes_on_after_the_last_task),
        TEST(test_a_cursor_fits_its_own_list_alone),
        TEST(test_no_changed_byte_of_a_cursor_goes_unnoticed_or_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

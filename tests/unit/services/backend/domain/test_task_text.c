/* tests/unit/services/backend/domain/test_task_text.c — folding, against task_text.txt, trimming and
 * lines. */
#include "services/backend/domain/task_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/task_text.txt";

static void test_each_text_folds_to_what_the_table_says(void **state)
{
    struct rows rows;

    (void)state;
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 2)) {
        struct arena arena;
        const char *fold;

        arena_init(&arena);
        fold = task_text_fold(rows.cells[0], &arena);
        if (strcmp(fold, rows.cells[1]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, fold);
        assert_string_equal(task_text_fold(fold, &arena), fold);
        arena_clear(&arena);
    }
}

static void test_white_space_goes_at_both_ends_alone(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {" ", ""},
        {" \u00a0\u2003\u3000", ""},
        {"a b", "a b"},
        {"\u2009 a\u00a0b \u202f", "a\u00a0b"},
        {"😀 ", "😀"},
        {"\u200b", "\u200b"}, /* of no width, but no white space */
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(task_text_trim(cases[i][0], &arena), cases[i][1]);
    arena_clear(&arena);
}

static void test_a_line_ends_where_unicode_says(void **state)
{
    (void)state;
    assert_true(task_text_is_one_line(""));
    assert_true(task_text_is_one_line("one\ttwo \u00a0 😀"));
    assert_false(task_text_is_one_line("one\ntwo"));
    assert_false(task_text_is_one_line("one\r"));
    assert_false(task_text_is_one_line("one\u2028two"));
    assert_false(task_text_is_one_line("\u2029"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_text_folds_to_what_the_table_says),
        cmocka_unit_test(test_white_space_goes_at_both_ends_alone),
        cmocka_unit_test(test_a_line_ends_where_unicode_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

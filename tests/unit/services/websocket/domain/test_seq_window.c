#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/websocket/domain/seq_window.h"

static void test_each_number_is_new_once(void **state)
{
    struct seq_window window = {0};

    (void)state;
    for (int64_t seq = 1; seq <= 3 * SEQ_WINDOW; seq++) {
        assert_true(seq_window_add(&window, seq));
        assert_false(seq_window_add(&window, seq));
        assert_int_equal(window.newest, seq);
    }
}

static void test_what_comes_late_is_new_once_too(void **state)
{
    struct seq_window window = {0};

    (void)state;
    assert_true(seq_window_add(&window, 2000));
    assert_true(seq_window_add(&window, 1999));
    assert_true(seq_window_add(&window, 2000 - SEQ_WINDOW + 1));
    assert_false(seq_window_add(&window, 1999));
    assert_false(seq_window_add(&window, 2000 - SEQ_WINDOW + 1));
    assert_int_equal(window.newest, 2000);
}

static void test_what_is_too_old_to_tell_counts_as_new(void **state)
{
    struct seq_window window = {0};

    (void)state;
    assert_true(seq_window_add(&window, 5000));
    assert_true(seq_window_add(&window, 5000 - SEQ_WINDOW));
    assert_true(seq_window_add(&window, 5000 - SEQ_WINDOW));
    assert_int_equal(window.newest, 5000);
}

static void test_raising_forgets_nothing_and_sees_nothing(void **state)
{
    struct seq_window window = {0};

    (void)state;
    assert_true(seq_window_add(&window, 10));
    seq_window_raise(&window, 15);
    seq_window_raise(&window, 12);
    assert_int_equal(window.newest, 15);
    assert_false(seq_window_add(&window, 10));
    assert_true(seq_window_add(&window, 15));
    assert_true(seq_window_add(&window, 13));
    seq_window_raise(&window, 15 + 2 * SEQ_WINDOW);
    assert_true(seq_window_add(&window, 15 + 2 * SEQ_WINDOW - 1));
}

/* Against the simplest thing that could be right. */
static void test_it_agrees_with_a_list_of_all_that_was_seen(void **state)
{
    enum { N = 4000 };
    static bool seen[N + 1];
    struct seq_window window = {0};
    unsigned random = 1;

    (void)state;
    for (int i = 0; i < 40000; i++) {
        int64_t near, seq;

        random = random * 1103515245 + 12345;
        near = i / 10 + 1;
        seq = near - (int64_t)(random >> 16) % 900 + 100;
        if (seq < 1 || seq > N || seq <= window.newest - SEQ_WINDOW)
            continue;
        assert_int_equal(seq_window_add(&window, seq), !seen[seq]);
        seen[seq] = true;
    }
}

static void test_the_largest_numbers_do_no_harm(void **state)
{
    struct seq_window window = {0};

    (void)state;
    assert_true(seq_window_add(&window, INT64_MAX - 1));
    assert_true(seq_window_add(&window, INT64_MAX));
    assert_false(seq_window_add(&window, INT64_MAX));
    assert_true(seq_window_add(&window, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_number_is_new_once),
        cmocka_unit_test(test_what_comes_late_is_new_once_too),
        cmocka_unit_test(test_what_is_too_old_to_tell_counts_as_new),
        cmocka_unit_test(test_raising_forgets_nothing_and_sees_nothing),
        cmocka_unit_test(test_it_agrees_with_a_list_of_all_that_was_seen),
        cmocka_unit_test(test_the_largest_numbers_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

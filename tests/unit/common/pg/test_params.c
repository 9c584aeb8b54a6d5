/* Parameters in PostgreSQL's text form, and what needs no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/pg.h"

static int set_up(void **state)
{
    static struct arena arena;

    arena_init(&arena);
    *state = &arena;
    return 0;
}

static int tear_down(void **state)
{
    arena_clear(*state);
    return 0;
}

static void test_numbers_are_written_in_full(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-1, "-1"},
        {1234567890123, "1234567890123"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct pg_params params;

    pg_params_init(&params, *state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        pg_add_int(&params, cases[i].value);
        assert_string_equal(params.values[i], cases[i].text);
    }
    assert_int_equal(params.n_values, 5);
}

static void test_times_are_rfc_3339_and_0_is_null(void **state)
{
    struct pg_params params;

    pg_params_init(&params, *state);
    pg_add_time(&params, 1732182360123);
    pg_add_time(&params, 0);
    assert_string_equal(params.values[0], "2024-11-21T09:46:00.123Z");
    assert_null(params.values[1]);
}

static void test_truth_and_null(void **state)
{
    struct pg_params params;

    pg_params_init(&params, *state);
    pg_add_bool(&params, true);
    pg_add_bool(&params, false);
    pg_add_text(&params, NULL);
    assert_string_equal(params.values[0], "t");
    assert_string_equal(params.values[1], "f");
    assert_null(params.values[2]);
}

static void test_array_elements_are_quoted(void **state)
{
    const char *const items[] = {"a", "", "b,c", "d\"e", "f\\g", "{h}", "NULL", NULL, "ü"};
    struct pg_params params;

    pg_params_init(&params, *state);
    pg_add_texts(&params, items, 9);
    pg_add_texts(&params, NULL, 0);
    assert_string_equal(params.values[0],
                        "{\"a\",\"\",\"b,c\",\"d\\\"e\",\"f\\\\g\",\"{h}\",\"NULL\",NULL,\"ü\"}");
    assert_string_equal(params.values[1], "{}");
}

static void test_bytes_are_hexadecimal(void **state)
{
    struct pg_params params;

    pg_params_init(&params, *state);
    pg_add_bytes(&params, "\x00\x1f\xff", 3);
    pg_add_bytes(&params, "", 0);
    assert_string_equal(params.values[0], "\\x001fff");
    assert_string_equal(params.values[1], "\\x");
}

static void test_a_constraint_is_found_in_a_conflict_alone(void **state)
{
    struct err err = {0};

    (void)state;
    assert_string_equal(pg_err_constraint(NULL), "");
    assert_string_equal(pg_err_constraint(&err), "");
    err_set_slug(&err, ERR_CONFLICT, PG_UNIQUE_VIOLATION, "unique constraint violated: %s",
                 "task_key");
    assert_string_equal(pg_err_constraint(&err), "task_key");
    err_set(&err, ERR_CONFLICT, "the task was completed already");
    assert_string_equal(pg_err_constraint(&err), "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_numbers_are_written_in_full),
        TEST(test_times_are_rfc_3339_and_0_is_null),
        TEST(test_truth_and_null),
        TEST(test_array_elements_are_quoted),
        TEST(test_bytes_are_hexadecimal),
        TEST(test_a_constraint_is_found_in_a_conflict_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

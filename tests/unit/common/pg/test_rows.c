/* Reading values out of a result; the result is made by hand, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/pg/pg_pool.h"

struct fixture {
    PGresult *result;
    struct pg_rows rows;
    struct arena arena;
};

static int set_up(void **state)
{
    static struct fixture f;
    char name[] = "value";
    PGresAttDesc column = {.name = name};

    f.result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    assert_true(PQsetResultAttrs(f.result, 1, &column));
    f.rows.result = f.result;
    arena_init(&f.arena);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    PQclear(f->result);
    arena_clear(&f->arena);
    return 0;
}

static void put(struct fixture *f, const char *value)
{
    char text[256];

    snprintf(text, sizeof(text), "%s", value != NULL ? value : "");
    assert_true(PQsetvalue(f->result, 0, 0, value != NULL ? text : NULL,
                           value != NULL ? (int)strlen(text) : -1));
}

static void test_times_are_read_to_the_millisecond(void **state)
{
    static const struct {
        const char *text;
        int64_t at;
    } cases[] = {
        {"1970-01-01 00:00:00+00", 0},
        {"2024-11-21 09:46:00.123+00", 1732182360123},
        {"2024-11-21 09:46:00.123999+00", 1732182360123},
        {"2024-11-21 09:46:00.1+00", 1732182360100},
        {"2024-11-21 11:46:00.123+02", 1732182360123},
        {"2024-11-21 06:16:00.123-03:30", 1732182360123},
        {"2000-02-29 23:59:59.999+00", 951868799999},
        {"2100-03-01 00:00:00+00", 4107542400000},
        {"9999-12-31 23:59:59.999+00", 253402300799999},
        {"1969-12-31 23:59:59+00", -1000},
        {"infinity", 0},
        {NULL, 0},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put(f, cases[i].text);
        assert_int_equal(pg_time(&f->rows, 0, 0), cases[i].at);
    }
}

/* Every day of 400 years, against what the clock writes. */
static void test_times_agree_with_the_clock(void **state)
{
    struct fixture *f = *state;

    for (int64_t day = 0; day < 146097; day += 7) {
        int64_t at = day * 86400000 + day % 86400000;
        char text[CLOCK_TEXT_MAX];

        clock_write(at, text);
        text[10] = ' ';
        snprintf(strchr(text, 'Z'), 4, "+00");
        put(f, text);
        assert_int_equal(pg_time(&f->rows, 0, 0), at);
    }
}

static void test_arrays_of_text(void **state)
{
    static const struct {
        const char *text;
        size_t n_items;
        const char *items[4];
    } cases[] = {
        {"{}", 0, {NULL}},
        {NULL, 0, {NULL}},
        {"{a}", 1, {"a"}},
        {"{a,b c,\"d,e\"}", 3, {"a", "b c", "d,e"}},
        {"{\"\",NULL,\"NULL\"}", 3, {"", NULL, "NULL"}},
        {"{\"a\\\"b\\\\c\",\"{d}\",ü,x}", 4, {"a\"b\\c", "{d}", "ü", "x"}},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t n_items;
        const char **items;

        put(f, cases[i].text);
        items = pg_texts(&f->rows, 0, 0, &f->arena, &n_items);
        assert_int_equal(n_items, cases[i].n_items);
        for (size_t j = 0; j < n_items; j++) {
            if (cases[i].items[j] == NULL)
                assert_null(items[j]);
            else
                assert_string_equal(items[j], cases[i].items[j]);
        }
    }
}

static void test_bytes(void **state)
{
    struct fixture *f = *state;
    const unsigned char *bytes;
    size_t n_bytes;

    put(f, "\\x00a9Ff7b");
    bytes = pg_bytes(&f->rows, 0, 0, &f->arena, &n_bytes);
    assert_int_equal(n_bytes, 4);
    assert_memory_equal(bytes, "\x00\xa9\xff\x7b", 4);
    put(f, "\\x");
    pg_bytes(&f->rows, 0, 0, &f->arena, &n_bytes);
    assert_int_equal(n_bytes, 0);
    put(f, NULL);
    pg_bytes(&f->rows, 0, 0, &f->arena, &n_bytes);
    assert_int_equal(n_bytes, 0);
}

static void test_null_is_told_from_empty(void **state)
{
    struct fixture *f = *state;

    put(f, NULL);
    assert_true(pg_is_null(&f->rows, 0, 0));
    assert_string_equal(pg_text(&f->rows, 0, 0), "");
    assert_null(pg_copy_text(&f->rows, 0, 0, &f->arena));
    assert_int_equal(pg_int(&f->rows, 0, 0), 0);
    assert_false(pg_bool(&f->rows, 0, 0));
    put(f, "");
    assert_false(pg_is_null(&f->rows, 0, 0));
    assert_string_equal(pg_copy_text(&f->rows, 0, 0, &f->arena), "");
    put(f, "-12");
    assert_int_equal(pg_int(&f->rows, 0, 0), -12);
    put(f, "t");
    assert_true(pg_bool(&f->rows, 0, 0));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_times_are_read_to_the_millisecond),
        TEST(test_times_agree_with_the_clock),
        TEST(test_arrays_of_text),
        TEST(test_bytes),
        TEST(test_null_is_told_from_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

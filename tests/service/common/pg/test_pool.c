/* The pool against a real PostgreSQL: answers, errors, deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "tests/service/support/pool.h"

/* -------------------------------------------------------------------------- answers */

struct echoed {
    struct outcome outcome;
    bool is_checked;
    struct arena *arena;
};

static void on_echoed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct echoed *e = arg;
    size_t n_items, n_bytes;
    const char **items;
    const unsigned char *bytes;

    pool_on_done(&e->outcome, rows, err);
    assert_null(err);
    assert_int_equal(pg_n_rows(rows), 1);
    assert_string_equal(pg_text(rows, 0, 0), "grüße 'x' \\ \"y\"");
    assert_true(pg_int(rows, 0, 1) == INT64_MIN);
    assert_true(pg_bool(rows, 0, 2));
    assert_true(pg_time(rows, 0, 3) == 1732182360123);
    items = pg_texts(rows, 0, 4, e->arena, &n_items);
    assert_int_equal(n_items, 6);
    assert_string_equal(items[0], "");
    assert_string_equal(items[1], "a,b");
    assert_string_equal(items[2], "c\"d\\e");
    assert_string_equal(items[3], "{f}");
    assert_null(items[4]);
    assert_string_equal(items[5], "NULL");
    bytes = pg_bytes(rows, 0, 5, e->arena, &n_bytes);
    assert_int_equal(n_bytes, 4);
    assert_memory_equal(bytes, "\0\x7f\xff\n", 4);
    e->is_checked = true;
}

static void test_every_type_comes_back_as_it_went(void **state)
{
    struct pool_fixture *f = *state;
    const char *const items[] = {"", "a,b", "c\"d\\e", "{f}", NULL, "NULL"};
    struct echoed e = {.arena = &f->arena};
    struct pg_params params;

    pool_open(f, 1, POOL_LONG_MS, 0);
    pg_params_init(&params, &f->arena);
    pg_add_text(&params, "grüße 'x' \\ \"y\"");
    pg_add_int(&params, INT64_MIN);
    pg_add_bool(&params, true);
    pg_add_time(&params, 1732182360123);
    pg_add_texts(&params, items, 6);
    pg_add_bytes(&params, "\0\x7f\xff\n", 4);
    pg_query(f->pool, &POOL_ECHO, &params, on_echoed, &e);
    wait_until(f->loop, pool_is_outcome, &e.outcome, "the echo");
    assert_true(e.is_checked);
}

static void test_an_error_stays_with_its_call(void **state)
{
    enum { N_CALLS = 2000 };
    struct pool_fixture *f = *state;
    struct outcome *o = mem_new_array(N_CALLS, sizeof(*o));

    pool_open(f, 3, POOL_LONG_MS, 0);
    for (int i = 0; i < N_CALLS; i++)
        pool_ask(f, &POOL_DIVIDE, arena_format(&f->arena, "%d", i), i % 7 == 3 ? "0" : "1", &o[i]);
    for (int i = 0; i < N_CALLS; i++)
        wait_until(f->loop, pool_is_outcome, &o[i], "an answer");
    for (int i = 0; i < N_CALLS; i++) {
        assert_int_equal(o[i].n_done, 1);
        assert_int_equal(o[i].err.code, i % 7 == 3 ? ERR_INVALID : ERR_NONE);
        assert_true(i % 7 == 3 || o[i].number == i);
    }
    assert_int_equal(proxy_n_accepted(f->proxy), 3); /* none was lost over an error */
    mem_free(o);
}

static void look_up(struct pool_fixture *f, const char *a, const char *b, struct outcome *o)
{
    struct pg_params params;

    pg_params_init(&params, &f->arena);
    pg_add_text(&params, a);
    pg_add_text(&params, b);
    pg_lookup(f->pool, &POOL_DIVIDE, &params, pool_on_done, o);
    assert_int_equal(o->n_done, 0);
}

/* Lookups share a Sync; the server skips those behind one that fails. Writes go between them. */
static void test_a_lookup_that_fails_costs_the_others_nothing(void **state)
{
    enum { N_CALLS = 3000 };
    struct pool_fixture *f = *state;
    struct outcome *o = mem_new_array(N_CALLS, sizeof(*o));

    pool_open(f, 3, POOL_LONG_MS, 0);
    for (int i = 0; i < N_CALLS; i++) {
        const char *number = arena_format(&f->arena, "%d", i);

        if (i % 5 == 4)
            pool_ask(f, &POOL_ADD_THING, number, NULL, &o[i]);
        else
            look_up(f, number, i % 7 == 3 ? "0" : "1", &o[i]);
        if (i % 50 == 49)
            turn_for(f->loop, 0);
    }
    for (int i = 0; i < N_CALLS; i++)
        wait_until(f->loop, pool_is_outcome, &o[i], "an answer");
    for (int i = 0; i < N_CALLS; i++) {
        bool must_fail = i % 5 != 4 && i % 7 == 3;

        assert_int_equal(o[i].n_done, 1);
        assert_int_equal(o[i].err.code, must_fail ? ERR_INVALID : ERR_NONE);
        assert_true(must_fail || i % 5 == 4 || o[i].number == i);
    }
    assert_int_equal(database_number("SELECT count(*) FROM thing"), N_CALLS / 5);
    assert_int_equal(proxy_n_accepted(f->proxy), 3);
    mem_free(o);
}

static void test_lookups_have_a_limit_too(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o[20] = {0}, after;

    pool_open(f, 1, POOL_SHORT_MS, 0);
    proxy_set_mode(f->proxy, PROXY_STALL);
    for (int i = 0; i < 20; i++)
        look_up(f, "8", i == 2 ? "0" : "2", &o[i]);
    for (int i = 0; i < 20; i++) {
        wait_until(f->loop, pool_is_outcome, &o[i], "the limit");
        assert_int_equal(o[i].err.code, ERR_TIMEOUT);
    }
    proxy_set_mode(f->proxy, PROXY_REFUSE);
    while (pg_pool_is_ready(f->pool))
        turn_for(f->loop, 20);
    proxy_set_mode(f->proxy, PROXY_PASS);
    pool_wait_ready(f);
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2", &after);
    assert_int_equal(after.number, 4);
    for (int i = 0; i < 20; i++)
        assert_int_equal(o[i].n_done, 1);
}

static void test_constraints_are_named(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o;

    pool_open(f, 2, POOL_LONG_MS, 0);
    pool_ask_and_wait(f, &POOL_ADD_THING, "1", NULL, &o);
    assert_int_equal(o.err.code, ERR_NONE);
    pool_ask_and_wait(f, &POOL_ADD_THING, "1", NULL, &o);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_ptr_equal(o.err.slug, PG_UNIQUE_VIOLATION);
    assert_string_equal(pg_err_constraint(&o.err), "thing_key");
    pool_ask_and_wait(f, &POOL_ADD_PART, "2", "1", &o);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_null(o.err.slug);
    assert_string_equal(pg_err_constraint(&o.err), "part_of_thing");
    pool_ask_and_wait(f, &POOL_ADD_PART, "1", "0", &o);
    assert_int_equal(o.err.code, ERR_INTERNAL);
    assert_non_null(strstr(o.err.text, "23514"));
    assert_string_equal(pg_err_constraint(&o.err), "");
    pool_ask_and_wait(f, &POOL_ADD_THING, "x", NULL, &o);
    assert_int_equal(o.err.code, ERR_INVALID);
}

/* The row is in, the commit fails: the result came, the error comes with the Sync. */
static void test_a_commit_that_fails_is_an_error(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o[3] = {0};

    pool_open(f, 1, POOL_LONG_MS, 0);
    pool_ask(f, &POOL_ADD_LATE, "1", NULL, &o[0]);
    pool_ask(f, &POOL_ADD_LATE, "1", NULL, &o[1]);
    pool_ask(f, &POOL_ADD_LATE, "2", NULL, &o[2]);
    wait_until(f->loop, pool_is_outcome, &o[2], "the last insert");
    assert_int_equal(o[0].err.code, ERR_NONE);
    assert_int_equal(o[1].err.code, ERR_CONFLICT);
    assert_string_equal(pg_err_constraint(&o[1].err), "late_key");
    assert_int_equal(o[2].err.code, ERR_NONE);
    assert_int_equal(database_number("SELECT count(*) FROM late"), 2);
}

static void test_a_changed_result_type_costs_one_connection(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o;

    pool_open(f, 1, POOL_LONG_MS, 0);
    pool_ask_and_wait(f, &POOL_LIST_THINGS, NULL, NULL, &o);
    database_run("ALTER TABLE thing ADD COLUMN name text");
    pool_ask_and_wait(f, &POOL_LIST_THINGS, NULL, NULL, &o);
    assert_int_equal(o.err.code, ERR_UNAVAILABLE);
    pool_ask_and_wait(f, &POOL_LIST_THINGS, NULL, NULL, &o);
    assert_int_equal(o.err.code, ERR_NONE);
}

/* -------------------------------------------------------------------------- deadlines */

static void test_a_slow_statement_is_cancelled_at_the_limit(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome slow = {0}, next = {0};
    int64_t began = clock_monotonic_ms();

    pool_open(f, 1, POOL_SHORT_MS, 0);
    pool_ask(f, &POOL_NAP, "60", NULL, &slow);
    wait_until(f->loop, pool_is_outcome, &slow, "the limit");
    assert_int_equal(slow.err.code, ERR_TIMEOUT);
    assert_true(clock_monotonic_ms() - began < 30000);
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2",
                      &next); /* the server cancelled it: the connection goes on */
    assert_int_equal(next.number, 4);
    assert_int_equal(slow.n_done, 1);
    assert_int_equal(proxy_n_accepted(f->proxy), 1);
}

static void test_a_silent_server_costs_the_calls_their_limit_and_then_the_connection(void **state)
{
    enum { N_CALLS = 10 };
    struct pool_fixture *f = *state;
    struct outcome o[N_CALLS] = {0}, next;

    pool_open(f, 1, POOL_SHORT_MS, 0);
    proxy_set_mode(f->proxy, PROXY_STALL);
    for (int i = 0; i < N_CALLS; i++)
        pool_ask(f, &POOL_DIVIDE, "8", "2", &o[i]);
    for (int i = 0; i < N_CALLS; i++) {
        wait_until(f->loop, pool_is_outcome, &o[i], "the limit");
        assert_int_equal(o[i].err.code, ERR_TIMEOUT);
    }
    while (pg_pool_is_ready(f->pool))
        turn_for(f->loop, 20);
    proxy_set_mode(f->proxy, PROXY_PASS);
    proxy_set_mode(f->proxy, PROXY_REFUSE); /* ends the attempt that was stalled */
    proxy_set_mode(f->proxy, PROXY_PASS);
    pool_wait_ready(f);
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2", &next);
    assert_int_equal(next.number, 4);
    for (int i = 0; i < N_CALLS; i++)
        assert_int_equal(o[i].n_done, 1);
}

static void test_calls_beyond_waiting_max_are_refused(void **state)
{
    enum { N_CALLS = 60 };
    struct pool_fixture *f = *state;
    struct outcome o[N_CALLS] = {0};
    int n_refused = 0;

    pool_open(f, 1, POOL_LONG_MS, 10);
    for (int i = 0; i < N_CALLS; i++) /* 32 go out, 10 wait */
        pool_ask(f, &POOL_DIVIDE, "8", "2", &o[i]);
    for (int i = 0; i < N_CALLS; i++) {
        wait_until(f->loop, pool_is_outcome, &o[i], "an answer");
        n_refused += o[i].err.code == ERR_UNAVAILABLE;
    }
    assert_int_equal(n_refused, N_CALLS - 42);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_set_up, pool_tear_down)
        TEST(test_every_type_comes_back_as_it_went),
        TEST(test_an_error_stays_with_its_call),
        TEST(test_a_lookup_that_fails_costs_the_others_nothing),
        TEST(test_lookups_have_a_limit_too),
        TEST(test_constraints_are_named),
        TEST(test_a_commit_that_fails_is_an_error),
        TEST(test_a_changed_result_type_costs_one_connection),
        TEST(test_a_slow_statement_is_cancelled_at_the_limit),
        TEST(test_a_silent_server_costs_the_calls_their_limit_and_then_the_connection),
        TEST(test_calls_beyond_waiting_max_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

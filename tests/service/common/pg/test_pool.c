/* The pool against a real PostgreSQL: answers, errors, deadlines, lost connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"
#include "common/pg/pg.h"
#include "tests/service/support/database.h"

static const struct pg_statement ECHO = {
    "echo",
    "SELECT $1::text, $2::bigint, $3::boolean, $4::timestamptz, $5::text[], $6::bytea",
};
static const struct pg_statement DIVIDE = {"divide", "SELECT $1::int / $2::int"};
static const struct pg_statement ADD_THING = {"add_thing",
                                              "INSERT INTO thing (id) VALUES ($1::int)"};
static const struct pg_statement ADD_PART = {
    "add_part", "INSERT INTO part (thing_id, size) VALUES ($1::int, $2::int)"};
static const struct pg_statement ADD_LATE = {"add_late", "INSERT INTO late (id) VALUES ($1::int)"};
static const struct pg_statement LIST_THINGS = {"list_things", "SELECT * FROM thing ORDER BY id"};
static const struct pg_statement NAP = {"nap", "SELECT pg_sleep($1::float8)"};
static const struct pg_statement WHO = {"who", "SELECT current_user::text, pg_backend_pid()"};

static const struct pg_statement *const statements[] = {
    &ECHO, &DIVIDE, &ADD_THING, &ADD_PART, &ADD_LATE, &LIST_THINGS, &NAP, &WHO, NULL,
};

static const char SCHEMA[] =
    "DROP TABLE IF EXISTS part, thing, late;"
    "CREATE TABLE thing (id int CONSTRAINT thing_key PRIMARY KEY);"
    "CREATE TABLE part (thing_id int CONSTRAINT part_of_thing REFERENCES thing,"
    " size int CONSTRAINT size_is_positive CHECK (size > 0));"
    "CREATE TABLE late (id int CONSTRAINT late_key UNIQUE DEFERRABLE INITIALLY DEFERRED);"
    "DO $$ BEGIN"
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pool_a') THEN"
    "  CREATE ROLE pool_a LOGIN PASSWORD 'a'; CREATE ROLE pool_b LOGIN PASSWORD 'b'; END IF;"
    " EXECUTE format('GRANT CONNECT ON DATABASE %%I TO pool_a, pool_b', current_database());"
    "END $$;"
    "GRANT USAGE ON SCHEMA public TO pool_a, pool_b;"
    "GRANT SELECT, INSERT ON thing, part, late TO pool_a, pool_b;";

struct fixture {
    struct loop *loop;
    struct proxy *proxy;
    struct pg_pool *pool;
    struct metrics *metrics;
    int n_connections;
    struct arena arena;
    struct log log;
};

/** What became of one call. */
struct outcome {
    int n_done;
    struct err err; /* code is ERR_NONE when it worked */
    int64_t number; /* row 0, column 0 */
    char text[64];
};

static void on_done(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct outcome *o = arg;

    o->n_done++;
    if (err != NULL) {
        assert_null(rows);
        o->err = *err;
        return;
    }
    if (pg_n_rows(rows) > 0) {
        o->number = pg_int(rows, 0, 0);
        snprintf(o->text, sizeof(o->text), "%s", pg_text(rows, 0, 0));
    }
}

static bool is_outcome(void *arg)
{
    return ((struct outcome *)arg)->n_done > 0;
}

static bool is_ready(void *arg)
{
    return pg_pool_is_ready(arg);
}

static bool is_whole(void *arg)
{
    const struct fixture *f = arg;
    struct buf text, wanted;
    bool is_found;

    buf_init(&text);
    buf_init(&wanted);
    metrics_write(f->metrics, &text);
    buf_format(&wanted, "pg_connections_ready %d\n", f->n_connections);
    is_found = strstr(buf_text(&text), buf_text(&wanted)) != NULL;
    buf_clear(&text);
    buf_clear(&wanted);
    return is_found;
}

static void open_pool(struct fixture *f, int connections, int limit_ms, int waiting_max)
{
    char url[TEST_URL_MAX];

    f->pool = pg_pool_new(&(struct pg_config){
        .connections = connections,
        .limit_ms = limit_ms,
        .pipeline_max = 32,
        .waiting_max = waiting_max,
        .statements = statements,
        .loop = f->loop,
        .metrics = f->metrics,
        .log = &f->log,
    });
    database_url_of(f->proxy, "pool_a", "a", url);
    pg_pool_set_url(f->pool, url);
    f->n_connections = connections;
    wait_until(f->loop, is_whole, f, "all connections");
}

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    database_run(SCHEMA);
    log_init(&f->log, "test", LOG_ERROR + 1);
    arena_init(&f->arena);
    f->metrics = metrics_new();
    f->loop = loop_new();
    f->proxy = proxy_new(f->loop);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    pg_pool_free(f->pool);
    proxy_free(f->proxy);
    loop_free(f->loop);
    metrics_free(f->metrics);
    arena_clear(&f->arena);
    mem_free(f);
    return 0;
}

static void ask(struct fixture *f, const struct pg_statement *statement, const char *a,
                const char *b, struct outcome *o)
{
    struct pg_params params;

    pg_params_init(&params, &f->arena);
    if (a != NULL)
        pg_add_text(&params, a);
    if (b != NULL)
        pg_add_text(&params, b);
    pg_query(f->pool, statement, &params, on_done, o);
    assert_int_equal(o->n_done, 0); /* never before returning */
}

static void ask_and_wait(struct fixture *f, const struct pg_statement *statement, const char *a,
                         const char *b, struct outcome *o)
{
    memset(o, 0, sizeof(*o));
    ask(f, statement, a, b, o);
    wait_until(f->loop, is_outcome, o, statement->name);
    assert_int_equal(o->n_done, 1);
}

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

    on_done(&e->outcome, rows, err);
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
    struct fixture *f = *state;
    const char *const items[] = {"", "a,b", "c\"d\\e", "{f}", NULL, "NULL"};
    struct echoed e = {.arena = &f->arena};
    struct pg_params params;

    open_pool(f, 1, 2000, 0);
    pg_params_init(&params, &f->arena);
    pg_add_text(&params, "grüße 'x' \\ \"y\"");
    pg_add_int(&params, INT64_MIN);
    pg_add_bool(&params, true);
    pg_add_time(&params, 1732182360123);
    pg_add_texts(&params, items, 6);
    pg_add_bytes(&params, "\0\x7f\xff\n", 4);
    pg_query(f->pool, &ECHO, &params, on_echoed, &e);
    wait_until(f->loop, is_outcome, &e.outcome, "the echo");
    assert_true(e.is_checked);
}

static void test_an_error_stays_with_its_call(void **state)
{
    enum { N_CALLS = 2000 };
    struct fixture *f = *state;
    struct outcome *o = mem_new_array(N_CALLS, sizeof(*o));

    open_pool(f, 3, 5000, 0);
    for (int i = 0; i < N_CALLS; i++)
        ask(f, &DIVIDE, arena_format(&f->arena, "%d", i), i % 7 == 3 ? "0" : "1", &o[i]);
    for (int i = 0; i < N_CALLS; i++)
        wait_until(f->loop, is_outcome, &o[i], "an answer");
    for (int i = 0; i < N_CALLS; i++) {
        assert_int_equal(o[i].n_done, 1);
        assert_int_equal(o[i].err.code, i % 7 == 3 ? ERR_INVALID : ERR_NONE);
        assert_true(i % 7 == 3 || o[i].number == i);
    }
    assert_int_equal(proxy_n_accepted(f->proxy), 3); /* none was lost over an error */
    mem_free(o);
}

static void test_constraints_are_named(void **state)
{
    struct fixture *f = *state;
    struct outcome o;

    open_pool(f, 2, 2000, 0);
    ask_and_wait(f, &ADD_THING, "1", NULL, &o);
    assert_int_equal(o.err.code, ERR_NONE);
    ask_and_wait(f, &ADD_THING, "1", NULL, &o);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_ptr_equal(o.err.slug, PG_UNIQUE_VIOLATION);
    assert_string_equal(pg_err_constraint(&o.err), "thing_key");
    ask_and_wait(f, &ADD_PART, "2", "1", &o);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_null(o.err.slug);
    assert_string_equal(pg_err_constraint(&o.err), "part_of_thing");
    ask_and_wait(f, &ADD_PART, "1", "0", &o);
    assert_int_equal(o.err.code, ERR_INTERNAL);
    assert_non_null(strstr(o.err.text, "23514"));
    assert_string_equal(pg_err_constraint(&o.err), "");
    ask_and_wait(f, &ADD_THING, "x", NULL, &o);
    assert_int_equal(o.err.code, ERR_INVALID);
}

/* The row is in, the commit fails: the result came, the error comes with the Sync. */
static void test_a_commit_that_fails_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct outcome o[3] = {0};

    open_pool(f, 1, 2000, 0);
    ask(f, &ADD_LATE, "1", NULL, &o[0]);
    ask(f, &ADD_LATE, "1", NULL, &o[1]);
    ask(f, &ADD_LATE, "2", NULL, &o[2]);
    wait_until(f->loop, is_outcome, &o[2], "the last insert");
    assert_int_equal(o[0].err.code, ERR_NONE);
    assert_int_equal(o[1].err.code, ERR_CONFLICT);
    assert_string_equal(pg_err_constraint(&o[1].err), "late_key");
    assert_int_equal(o[2].err.code, ERR_NONE);
    assert_int_equal(database_number("SELECT count(*) FROM late"), 2);
}

static void test_a_changed_result_type_costs_one_connection(void **state)
{
    struct fixture *f = *state;
    struct outcome o;

    open_pool(f, 1, 2000, 0);
    ask_and_wait(f, &LIST_THINGS, NULL, NULL, &o);
    database_run("ALTER TABLE thing ADD COLUMN name text");
    ask_and_wait(f, &LIST_THINGS, NULL, NULL, &o);
    assert_int_equal(o.err.code, ERR_UNAVAILABLE);
    ask_and_wait(f, &LIST_THINGS, NULL, NULL, &o);
    assert_int_equal(o.err.code, ERR_NONE);
}

/* -------------------------------------------------------------------------- deadlines */

static void test_a_slow_statement_is_cancelled_at_the_limit(void **state)
{
    struct fixture *f = *state;
    struct outcome slow = {0}, next = {0};
    int64_t began = clock_monotonic_ms();

    open_pool(f, 1, 300, 0);
    ask(f, &NAP, "30", NULL, &slow);
    wait_until(f->loop, is_outcome, &slow, "the limit");
    assert_int_equal(slow.err.code, ERR_TIMEOUT);
    assert_true(clock_monotonic_ms() - began < 3000);
    ask_and_wait(f, &DIVIDE, "8", "2", &next); /* the server cancelled it: the connection goes on */
    assert_int_equal(next.number, 4);
    assert_int_equal(slow.n_done, 1);
    assert_int_equal(proxy_n_accepted(f->proxy), 1);
}

static void test_a_silent_server_costs_the_calls_their_limit_and_then_the_connection(void **state)
{
    enum { N_CALLS = 10 };
    struct fixture *f = *state;
    struct outcome o[N_CALLS] = {0}, next;

    open_pool(f, 1, 200, 0);
    proxy_set_mode(f->proxy, PROXY_STALL);
    for (int i = 0; i < N_CALLS; i++)
        ask(f, &DIVIDE, "8", "2", &o[i]);
    for (int i = 0; i < N_CALLS; i++) {
        wait_until(f->loop, is_outcome, &o[i], "the limit");
        assert_int_equal(o[i].err.code, ERR_TIMEOUT);
    }
    while (pg_pool_is_ready(f->pool))
        turn_for(f->loop, 20);
    proxy_set_mode(f->proxy, PROXY_PASS);
    proxy_set_mode(f->proxy, PROXY_REFUSE); /* ends the attempt that was stalled */
    proxy_set_mode(f->proxy, PROXY_PASS);
    wait_until(f->loop, is_ready, f->pool, "a new connection");
    ask_and_wait(f, &DIVIDE, "8", "2", &next);
    assert_int_equal(next.number, 4);
    for (int i = 0; i < N_CALLS; i++)
        assert_int_equal(o[i].n_done, 1);
}

static void test_calls_beyond_waiting_max_are_refused(void **state)
{
    enum { N_CALLS = 60 };
    struct fixture *f = *state;
    struct outcome o[N_CALLS] = {0};
    int n_refused = 0;

    open_pool(f, 1, 1000, 10);
    for (int i = 0; i < N_CALLS; i++) /* 32 go out, 10 wait */
        ask(f, &DIVIDE, "8", "2", &o[i]);
    for (int i = 0; i < N_CALLS; i++) {
        wait_until(f->loop, is_outcome, &o[i], "an answer");
        n_refused += o[i].err.code == ERR_UNAVAILABLE;
    }
    assert_int_equal(n_refused, N_CALLS - 42);
}

/* -------------------------------------------------------------------------- lost connections */

/* Calls go to the connection with the fewest: the naps all to one, the others all to the other. */
static void test_a_killed_backend_costs_its_own_calls_alone(void **state)
{
    struct fixture *f = *state;
    struct outcome naps[4] = {0}, others[4] = {0}, after;

    open_pool(f, 2, 5000, 0);
    for (int i = 0; i < 4; i++) {
        ask(f, &NAP, "2", NULL, &naps[i]);
        ask(f, &DIVIDE, "6", "2", &others[i]);
    }
    while (database_number("SELECT count(*) FROM pg_stat_activity WHERE usename = 'pool_a'"
                           " AND wait_event = 'PgSleep'") == 0)
        turn_for(f->loop, 5);
    database_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE usename = 'pool_a' AND wait_event = 'PgSleep'");
    for (int i = 0; i < 4; i++) {
        wait_until(f->loop, is_outcome, &naps[i], "a nap");
        wait_until(f->loop, is_outcome, &others[i], "a call beside it");
        assert_int_equal(naps[i].err.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(naps[i].err.text, "administrator"));
        assert_int_equal(others[i].err.code, ERR_NONE);
        assert_int_equal(naps[i].n_done, 1);
        assert_int_equal(others[i].n_done, 1);
    }
    ask_and_wait(f, &DIVIDE, "8", "2", &after);
    assert_int_equal(after.number, 4);
}

static void test_a_server_that_went_away_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct outcome o[3] = {0};

    open_pool(f, 2, 400, 0);
    ask(f, &NAP, "5", NULL, &o[0]);
    turn_for(f->loop, 20);
    proxy_set_mode(f->proxy, PROXY_REFUSE);
    wait_until(f->loop, is_outcome, &o[0], "the loss");
    assert_int_equal(o[0].err.code, ERR_UNAVAILABLE);
    while (pg_pool_is_ready(f->pool))
        turn_for(f->loop, 20);
    ask_and_wait(f, &DIVIDE, "8", "2", &o[1]); /* waits its limit in vain */
    assert_int_equal(o[1].err.code, ERR_UNAVAILABLE);
    proxy_set_mode(f->proxy, PROXY_PASS);
    wait_until(f->loop, is_ready, f->pool, "the server");
    ask_and_wait(f, &DIVIDE, "8", "2", &o[2]);
    assert_int_equal(o[2].number, 4);
}

static void test_calls_wait_for_the_first_connection(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    char url[TEST_URL_MAX];

    f->pool = pg_pool_new(&(struct pg_config){.connections = 2,
                                              .limit_ms = 5000,
                                              .statements = statements,
                                              .loop = f->loop,
                                              .log = &f->log});
    assert_false(pg_pool_is_ready(f->pool));
    ask(f, &DIVIDE, "8", "2", &o);
    turn_for(f->loop, 20);
    database_url_of(f->proxy, "pool_a", "a", url);
    pg_pool_set_url(f->pool, url);
    wait_until(f->loop, is_outcome, &o, "the first connection");
    assert_int_equal(o.number, 4);
}

static void test_a_schema_that_lacks_a_table_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct outcome o;
    char url[TEST_URL_MAX];

    database_run("ALTER TABLE late RENAME TO later");
    f->pool = pg_pool_new(&(struct pg_config){.connections = 2,
                                              .limit_ms = 2000,
                                              .statements = statements,
                                              .loop = f->loop,
                                              .log = &f->log});
    database_url_of(f->proxy, "pool_a", "a", url);
    pg_pool_set_url(f->pool, url);
    while (proxy_n_accepted(f->proxy) < 2)
        turn_for(f->loop, 20);
    assert_false(pg_pool_is_ready(f->pool));
    database_run("ALTER TABLE later RENAME TO late");
    wait_until(f->loop, is_ready, f->pool, "the statements to be prepared");
    ask_and_wait(f, &ADD_LATE, "1", NULL, &o);
    assert_int_equal(o.err.code, ERR_NONE);
}

static void test_freeing_answers_what_runs(void **state)
{
    struct fixture *f = *state;
    struct outcome o[50] = {0};

    open_pool(f, 1, 2000, 0);
    for (int i = 0; i < 50; i++)
        ask(f, &NAP, "5", NULL, &o[i]);
    turn_for(f->loop, 20);
    pg_pool_free(f->pool);
    f->pool = NULL;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(o[i].n_done, 1);
        assert_int_equal(o[i].err.code, ERR_UNAVAILABLE);
    }
}

/* -------------------------------------------------------------------------- rotation */

/** A load that goes on: every answer asks anew. */
struct load {
    struct fixture *f;
    int n_running, n_done, n_failed, n_as_b;
    bool is_over;
};

static void on_loaded(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct load *load = arg;
    struct pg_params params;

    load->n_done++;
    load->n_failed += err != NULL;
    load->n_as_b += rows != NULL && strcmp(pg_text(rows, 0, 0), "pool_b") == 0;
    if (load->is_over) {
        load->n_running--;
        return;
    }
    pg_params_init(&params, &load->f->arena);
    pg_query(load->f->pool, &WHO, &params, on_loaded, load);
}

static bool has_1000_more(void *arg)
{
    return ((struct load *)arg)->n_done >= 1000;
}

static bool has_1000_as_b(void *arg)
{
    return ((struct load *)arg)->n_as_b >= 1000;
}

static bool is_over(void *arg)
{
    return ((struct load *)arg)->n_running == 0;
}

static void test_a_rotated_url_loses_no_call(void **state)
{
    struct fixture *f = *state;
    struct load load = {.f = f, .n_running = 40};
    struct pg_params params;
    char broken[TEST_URL_MAX], url[TEST_URL_MAX];

    open_pool(f, 4, 5000, 0);
    database_url_of(NULL, "pool_b", "not its password", broken);
    snprintf(strrchr(broken, '/'), 32, "/%s", "no_such_database");
    database_url_of(f->proxy, "pool_b", "b", url);
    pg_params_init(&params, &f->arena);
    for (int i = 0; i < 40; i++)
        pg_query(f->pool, &WHO, &params, on_loaded, &load);
    wait_until(f->loop, has_1000_more, &load, "the load");
    pg_pool_set_url(f->pool, broken); /* the old connections stay in use */
    load.n_done = 0;
    wait_until(f->loop, has_1000_more, &load, "the load beside a broken URL");
    assert_int_equal(load.n_as_b, 0);
    pg_pool_set_url(f->pool, url);
    wait_until(f->loop, has_1000_as_b, &load, "the new URL");
    load.is_over = true;
    wait_until(f->loop, is_over, &load, "the last answers");
    assert_int_equal(load.n_failed, 0);
    while (database_number("SELECT count(*) FROM pg_stat_activity WHERE usename = 'pool_a'") > 0)
        turn_for(f->loop, 20);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_every_type_comes_back_as_it_went),
        TEST(test_an_error_stays_with_its_call),
        TEST(test_constraints_are_named),
        TEST(test_a_commit_that_fails_is_an_error),
        TEST(test_a_changed_result_type_costs_one_connection),
        TEST(test_a_slow_statement_is_cancelled_at_the_limit),
        TEST(test_a_silent_server_costs_the_calls_their_limit_and_then_the_connection),
        TEST(test_calls_beyond_waiting_max_are_refused),
        TEST(test_a_killed_backend_costs_its_own_calls_alone),
        TEST(test_a_server_that_went_away_is_found_again),
        TEST(test_calls_wait_for_the_first_connection),
        TEST(test_a_schema_that_lacks_a_table_is_waited_for),
        TEST(test_freeing_answers_what_runs),
        TEST(test_a_rotated_url_loses_no_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

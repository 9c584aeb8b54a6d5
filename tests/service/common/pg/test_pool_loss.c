/* The pool against a real PostgreSQL: what happens when connections break, come late or move. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/service/support/pool.h"

/* -------------------------------------------------------------------------- lost connections */

/* Calls go to the connection with the fewest: the naps all to one, the others all to the other. */
static void test_a_killed_backend_costs_its_own_calls_alone(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome naps[4] = {0}, others[4] = {0}, after;

    pool_open(f, 2, POOL_LONG_MS, 0);
    for (int i = 0; i < 4; i++) {
        pool_ask(f, &POOL_NAP, "60", NULL, &naps[i]);
        pool_ask(f, &POOL_DIVIDE, "6", "2", &others[i]);
    }
    while (database_number("SELECT count(*) FROM pg_stat_activity WHERE usename = 'pool_a'"
                           " AND wait_event = 'PgSleep'") == 0)
        turn_for(f->loop, 5);
    database_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE usename = 'pool_a' AND wait_event = 'PgSleep'");
    for (int i = 0; i < 4; i++) {
        wait_until(f->loop, pool_is_outcome, &naps[i], "a nap");
        wait_until(f->loop, pool_is_outcome, &others[i], "a call beside it");
        assert_int_equal(naps[i].err.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(naps[i].err.text, "administrator"));
        assert_int_equal(others[i].err.code, ERR_NONE);
        assert_int_equal(naps[i].n_done, 1);
        assert_int_equal(others[i].n_done, 1);
    }
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2", &after);
    assert_int_equal(after.number, 4);
}

static void test_a_server_that_went_away_is_found_again(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o[3] = {0};

    pool_open(f, 2, 3000, 0);
    pool_ask(f, &POOL_NAP, "60", NULL, &o[0]);
    turn_for(f->loop, 20);
    proxy_set_mode(f->proxy, PROXY_REFUSE);
    wait_until(f->loop, pool_is_outcome, &o[0], "the loss");
    assert_int_equal(o[0].err.code, ERR_UNAVAILABLE);
    while (pg_pool_is_ready(f->pool))
        turn_for(f->loop, 20);
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2", &o[1]); /* waits its limit in vain */
    assert_int_equal(o[1].err.code, ERR_UNAVAILABLE);
    proxy_set_mode(f->proxy, PROXY_PASS);
    pool_wait_ready(f);
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2", &o[2]);
    assert_int_equal(o[2].number, 4);
}

static void test_calls_wait_for_the_first_connection(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o = {0};

    pool_new(f, 2, POOL_LONG_MS, 0);
    assert_false(pg_pool_is_ready(f->pool));
    pool_ask(f, &POOL_DIVIDE, "8", "2", &o);
    turn_for(f->loop, 20);
    pool_set_url(f);
    wait_until(f->loop, pool_is_outcome, &o, "the first connection");
    assert_int_equal(o.number, 4);
}

static void test_a_schema_that_lacks_a_table_is_waited_for(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o;

    database_run("ALTER TABLE late RENAME TO later");
    pool_new(f, 2, POOL_LONG_MS, 0);
    pool_set_url(f);
    while (proxy_n_accepted(f->proxy) < 2)
        turn_for(f->loop, 20);
    assert_false(pg_pool_is_ready(f->pool));
    database_run("ALTER TABLE later RENAME TO late");
    pool_wait_ready(f);
    pool_ask_and_wait(f, &POOL_ADD_LATE, "1", NULL, &o);
    assert_int_equal(o.err.code, ERR_NONE);
}

/* The first address refuses: libpq closes its socket and opens another while it connects. */
static void test_a_second_host_is_tried(void **state)
{
    struct pool_fixture *f = *state;
    struct proxy *refusing = proxy_new(f->loop);
    struct outcome o;
    char url[TEST_URL_MAX], first[TEST_URL_MAX], both[2 * TEST_URL_MAX];

    database_url_of(refusing, "pool_a", "a", first);
    proxy_set_mode(refusing, PROXY_REFUSE);
    database_url_of(f->proxy, "pool_a", "a", url);
    *strrchr(first, '/') = '\0';
    snprintf(both, sizeof(both), "%s,%s", first, strchr(url, '@') + 1);
    pool_new(f, 2, POOL_LONG_MS, 0);
    pg_pool_set_url(f->pool, both);
    pool_wait_ready(f);
    pool_ask_and_wait(f, &POOL_DIVIDE, "8", "2", &o);
    assert_int_equal(o.number, 4);
    proxy_free(refusing);
}

/* Have a pool fail to connect; copy what it logs. */
static void fail_to_connect(struct pool_fixture *f, const char *url, char logged[4096])
{
    ssize_t n_bytes = -1;
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    f->log.level = LOG_DEBUG;
    f->log.fd = ends[1];
    pool_new(f, 1, 200, 0);
    pg_pool_set_url(f->pool, url);
    while (n_bytes < 0) {
        turn_for(f->loop, 20);
        n_bytes = read(ends[0], logged, 4095);
    }
    logged[n_bytes] = '\0';
    pg_pool_free(f->pool);
    f->pool = NULL;
    close(ends[0]);
    close(ends[1]);
}

static void test_no_log_line_has_a_password(void **state)
{
    static const char *const urls[] = {
        "postgresql://pool_a:hunter2%zz@127.0.0.1/x",
        "postgresql://pool_a:hunter2@127.0.0.1:1/x",
        "postgresql://pool_a:hunter2@127.0.0.1:nonsense/x",
        "hunter2",
    };
    char logged[4096];

    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        fail_to_connect(*state, urls[i], logged);
        assert_non_null(strstr(logged, "pg_connect_failed"));
        assert_null(strstr(logged, "hunter2"));
    }
}

static void test_freeing_answers_what_runs(void **state)
{
    struct pool_fixture *f = *state;
    struct outcome o[50] = {0};

    pool_open(f, 1, POOL_LONG_MS, 0);
    for (int i = 0; i < 50; i++)
        pool_ask(f, &POOL_NAP, "60", NULL, &o[i]);
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
    struct pool_fixture *f;
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
    pg_query(load->f->pool, &POOL_WHO, &params, on_loaded, load);
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
    struct pool_fixture *f = *state;
    struct load load = {.f = f, .n_running = 40};
    struct pg_params params;
    char broken[TEST_URL_MAX], url[TEST_URL_MAX];

    pool_open(f, 4, POOL_LONG_MS, 0);
    database_url_of(NULL, "pool_b", "not its password", broken);
    snprintf(strrchr(broken, '/'), 32, "/%s", "no_such_database");
    database_url_of(f->proxy, "pool_b", "b", url);
    pg_params_init(&params, &f->arena);
    for (int i = 0; i < 40; i++)
        pg_query(f->pool, &POOL_WHO, &params, on_loaded, &load);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_set_up, pool_tear_down)
        TEST(test_a_killed_backend_costs_its_own_calls_alone),
        TEST(test_a_server_that_went_away_is_found_again),
        TEST(test_calls_wait_for_the_first_connection),
        TEST(test_a_schema_that_lacks_a_table_is_waited_for),
        TEST(test_a_second_host_is_tried),
        TEST(test_no_log_line_has_a_password),
        TEST(test_freeing_answers_what_runs),
        TEST(test_a_rotated_url_loses_no_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

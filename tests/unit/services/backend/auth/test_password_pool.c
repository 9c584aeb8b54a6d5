/* tests/unit/services/backend/auth/test_password_pool.c — passwords hashed and checked by threads. */
#include "services/backend/auth/password_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/metrics.h"
#include "common/net/loop.h"

struct bench {
    struct loop *loop;
    struct metrics *metrics;
    struct password_pool *pool;
    int n_wanted;
};

struct outcome {
    struct bench *bench;
    char hash[128];
    bool is_right, is_done;
    enum err_code code;
};

static void open_bench(struct bench *bench, int workers, int queue_max)
{
    *bench = (struct bench){.loop = loop_new(), .metrics = metrics_new()};
    bench->pool = password_pool_new(bench->loop, bench->metrics, workers, queue_max);
    assert_non_null(bench->pool);
}

static void close_bench(struct bench *bench)
{
    password_pool_free(bench->pool);
    metrics_free(bench->metrics);
    loop_free(bench->loop);
}

static void on_done(void *arg, const char *hash, bool is_right, const struct err *err)
{
    struct outcome *outcome = arg;

    outcome->is_done = true;
    outcome->is_right = is_right;
    outcome->code = err == NULL ? ERR_NONE : err->code;
    if (hash != NULL)
        strncpy(outcome->hash, hash, sizeof outcome->hash - 1);
    if (--outcome->bench->n_wanted == 0)
        loop_stop(outcome->bench->loop);
}

static void wait_for(struct bench *bench, int n_wanted)
{
    bench->n_wanted = n_wanted;
    loop_run(bench->loop, NULL, NULL);
}

static bool check(struct bench *bench, const char *hash, const char *password)
{
    struct outcome outcome = {.bench = bench};

    password_check(bench->pool, hash, password, on_done, &outcome);
    assert_false(outcome.is_done); /* never before returning */
    wait_for(bench, 1);
    assert_int_equal(outcome.code, ERR_NONE);
    return outcome.is_right;
}

static void test_a_hash_knows_its_password_alone(void **state)
{
    struct bench bench;
    struct outcome outcome = {.bench = &bench};

    (void)state;
    open_bench(&bench, 2, 8);
    password_hash(bench.pool, "correct horse", on_done, &outcome);
    wait_for(&bench, 1);
    assert_memory_equal(outcome.hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    assert_true(check(&bench, outcome.hash, "correct horse"));
    assert_false(check(&bench, outcome.hash, "correct horsf"));
    assert_false(check(&bench, outcome.hash, ""));
    assert_false(check(&bench, "no hash", "correct horse"));
    close_bench(&bench);
}

static void test_without_a_hash_no_password_is_right(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, 1, 8);
    assert_false(check(&bench, NULL, "01234567890123456789012345678901"));
    close_bench(&bench);
}

static void test_beyond_the_queue_a_call_is_refused(void **state)
{
    enum { N_CALLS = 64, QUEUE_MAX = 2 };
    struct bench bench;
    struct outcome outcomes[N_CALLS] = {0};
    int n_refused = 0, n_full = 0;

    (void)state;
    open_bench(&bench, 1, QUEUE_MAX);
    for (int i = 0; i < N_CALLS; i++) {
        outcomes[i].bench = &bench;
        password_check(bench.pool, NULL, "some password", on_done, &outcomes[i]);
        n_full += !password_pool_has_room(bench.pool);
    }
    assert_true(n_full > 0);
    wait_for(&bench, N_CALLS);
    for (int i = 0; i < N_CALLS; i++)
        n_refused += outcomes[i].code == ERR_UNAVAILABLE;
    /* the worker may have taken some meanwhile */
    assert_in_range(n_refused, 1, N_CALLS - QUEUE_MAX);
    assert_true(password_pool_has_room(bench.pool));
    close_bench(&bench);
}

static void test_the_end_answers_every_call(void **state)
{
    enum { N_CALLS = 6 };
    struct bench bench;
    struct outcome outcomes[N_CALLS] = {0};

    (void)state;
    open_bench(&bench, 1, N_CALLS);
    for (int i = 0; i < N_CALLS; i++) {
        outcomes[i].bench = &bench;
        password_hash(bench.pool, "some password", on_done, &outcomes[i]);
    }
    close_bench(&bench);
    for (int i = 0; i < N_CALLS; i++) {
        assert_true(outcomes[i].is_done);
        assert_int_equal(outcomes[i].code, ERR_UNAVAILABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hash_knows_its_password_alone),
        cmocka_unit_test(test_without_a_hash_no_password_is_right),
        cmocka_unit_test(test_beyond_the_queue_a_call_is_refused),
        cmocka_unit_test(test_the_end_answers_every_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

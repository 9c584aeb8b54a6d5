/* tests/unit/common/dapr/test_secrets.c — secrets are read again, and handed on when they changed. */
#include "common/dapr/secrets.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/loop.h"
#include "tests/unit/support/fake_sidecar.h"

/** Counts what the watch hands on. */
struct world {
    struct loop *loop;
    struct fake_sidecar *sidecar;
    struct dapr *dapr;
    struct log log;
    int n_changes, n_wanted;
    bool is_enough, refuses;
    char seen[8][64]; /* the url of each change */
};

static int open_world(void **state)
{
    struct world *w = MEM_NEW(struct world);

    w->loop = loop_new();
    w->sidecar = fake_sidecar_new(w->loop);
    w->dapr = dapr_new(&(struct dapr_config){.port = fake_sidecar_port(w->sidecar),
                                             .api_token = "token",
                                             .app_id = "backend",
                                             .loop = w->loop});
    log_init(&w->log, "test", LOG_DEBUG);
    w->log.fd = open("/dev/null", O_WRONLY);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    dapr_free(w->dapr);
    fake_sidecar_free(w->sidecar);
    loop_free(w->loop);
    close(w->log.fd);
    mem_free(w);
    return 0;
}

static bool take_change(void *arg, const struct secret *secret, struct err *err)
{
    struct world *w = arg;
    const char *url = secret_value(secret, "url");

    assert_non_null(url);
    assert_null(secret_value(secret, "password"));
    assert_true(w->n_changes < 8);
    snprintf(w->seen[w->n_changes++], sizeof w->seen[0], "%s", url);
    w->is_enough = w->n_changes >= w->n_wanted;
    if (w->refuses)
        return err_set(err, ERR_INVALID, "url: not one");
    return true;
}

static struct secret_watch *watch_new(struct world *w, int interval_ms)
{
    const struct secret_source source = {
        .store = "secrets", .name = "backend-database", .interval_ms = interval_ms};

    return secret_watch_new(w->dapr, w->loop, &w->log, &source, take_change, w);
}

static void answer_url(struct world *w, const char *json)
{
    fake_sidecar_answer(w->sidecar, 200, "application/json", json);
}

static void test_a_secret_is_handed_on_once_and_again_when_it_changes(void **state)
{
    struct world *w = *state;
    struct secret_watch *watch;

    answer_url(w, "{\"url\":\"a\",\"x\":\"1\"}");
    answer_url(w, "{\"x\":\"1\",\"url\":\"a\"}"); /* the same */
    answer_url(w, "{\"url\":\"b\"}");
    w->n_wanted = 2;
    watch = watch_new(w, 1);
    assert_false(secret_watch_is_loaded(watch));
    fake_run_until(w->loop, &w->is_enough);
    assert_true(secret_watch_is_loaded(watch));
    assert_string_equal(w->seen[0], "a");
    assert_string_equal(w->seen[1], "b");
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 3);
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path,
                        "/v1.0/secrets/secrets/backend-database");
    secret_watch_free(watch);
}

static void test_a_store_of_one_text_per_name_holds_the_object_in_it(void **state)
{
    struct world *w = *state;
    struct secret_watch *watch;

    answer_url(w, "{\"backend-database\":\"no object\",\"url\":\"a\"}");
    answer_url(w, "{\"backend-database\":\"{\\\"url\\\":\\\"b\\\"}\"}");
    answer_url(w, "{\"backend-database\":\"{cut off\"}"); /* the old one stays */
    answer_url(w, "{\"url\":\"c\"}");
    w->n_wanted = 3;
    watch = watch_new(w, 1);
    fake_run_until(w->loop, &w->is_enough);
    assert_string_equal(w->seen[0], "a");
    assert_string_equal(w->seen[1], "b");
    assert_string_equal(w->seen[2], "c");
    secret_watch_free(watch);
}

static void test_an_unusable_secret_is_tried_again_and_the_old_one_stays(void **state)
{
    struct world *w = *state;
    struct secret_watch *watch;

    answer_url(w, "{\"url\":\"bad\"}");
    answer_url(w, "{\"url\":\"bad\"}");
    w->refuses = true;
    w->n_wanted = 2;
    watch = watch_new(w, 1);
    fake_run_until(w->loop, &w->is_enough);
    assert_false(secret_watch_is_loaded(watch));
    secret_watch_free(watch);
}

static void test_a_secret_that_cannot_be_read_is_asked_for_again(void **state)
{
    struct world *w = *state;
    struct secret_watch *watch;

    fake_sidecar_answer(w->sidecar, 500, "application/json",
                        "{\"errorCode\":\"ERR_SECRET_GET\",\"message\":\"not found\"}");
    answer_url(w, "{\"url\":\"a\"}");
    w->n_wanted = 1;
    watch = watch_new(w, 60000); /* while it cannot be read the interval does not count */
    fake_run_until(w->loop, &w->is_enough);
    assert_true(secret_watch_is_loaded(watch));
    secret_watch_free(watch);
}

static void test_a_watch_may_be_freed_while_it_reads(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 0, NULL, NULL);
    secret_watch_free(watch_new(w, 1));
    dapr_free(w->dapr);
    w->dapr = NULL;
    assert_int_equal(w->n_changes, 0);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_secret_is_handed_on_once_and_again_when_it_changes),
        WORLD_TEST(test_a_store_of_one_text_per_name_holds_the_object_in_it),
        WORLD_TEST(test_an_unusable_secret_is_tried_again_and_the_old_one_stays),
        WORLD_TEST(test_a_secret_that_cannot_be_read_is_asked_for_again),
        WORLD_TEST(test_a_watch_may_be_freed_while_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/base/test_metrics.c — held against the text format 0.0.4. */
#include "common/base/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/mem.h"

struct exposition {
    struct metrics *metrics;
    struct buf out;
};

static int open_metrics(void **state)
{
    struct exposition *e = MEM_NEW(struct exposition);

    e->metrics = metrics_new();
    buf_init(&e->out);
    *state = e;
    return 0;
}

static int close_metrics(void **state)
{
    struct exposition *e = *state;

    metrics_free(e->metrics);
    buf_clear(&e->out);
    mem_free(e);
    return 0;
}

static void assert_written(struct exposition *e, const char *expected)
{
    buf_reset(&e->out);
    metrics_write(e->metrics, &e->out);
    assert_string_equal(buf_text(&e->out), expected);
}

static void test_counters_and_gauges_are_written_once_a_name(void **state)
{
    struct exposition *e = *state;
    struct metrics_series *get, *post, *open;

    assert_written(e, "");
    get = metrics_counter(e->metrics, "requests_total", "Requests.", "method=\"GET\"");
    open = metrics_gauge(e->metrics, "open", "Open\nand \\ more.", NULL);
    post = metrics_counter(e->metrics, "requests_total", "Requests.", "method=\"POST\"");
    metrics_add(get, 2);
    metrics_add(get, 1);
    metrics_set(open, 4.5);
    metrics_add(open, -1);
    assert_ptr_equal(post,
                     metrics_counter(e->metrics, "requests_total", "Requests.", "method=\"POST\""));
    assert_ptr_not_equal(get, post);
    assert_written(e, "# HELP requests_total Requests.\n"
                      "# TYPE requests_total counter\n"
                      "requests_total{method=\"GET\"} 3\n"
                      "requests_total{method=\"POST\"} 0\n"
                      "# HELP open Open\\nand \\\\ more.\n"
                      "# TYPE open gauge\n"
                      "open 3.5\n");
}

static void test_a_histogram_counts_cumulatively(void **state)
{
    static const double seconds[] = {0, 0.001, 0.0011, 0.3, 10, 11};
    struct exposition *e = *state;
    struct metrics_series *series;

    series = metrics_histogram(e->metrics, "wait_seconds", "Wait.", "pool=\"a\"");
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++)
        metrics_observe(series, seconds[i]);
    assert_written(e, "# HELP wait_seconds Wait.\n"
                      "# TYPE wait_seconds histogram\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.001\"} 2\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.0025\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.005\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.01\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.025\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.05\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.1\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.25\"} 3\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"0.5\"} 4\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"1\"} 4\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"2.5\"} 4\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"5\"} 4\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"10\"} 5\n"
                      "wait_seconds_bucket{pool=\"a\",le=\"+Inf\"} 6\n"
                      "wait_seconds_sum{pool=\"a\"} 21.3021\n"
                      "wait_seconds_count{pool=\"a\"} 6\n");
}

static void test_a_histogram_without_labels_has_only_le(void **state)
{
    struct exposition *e = *state;

    metrics_observe(metrics_histogram(e->metrics, "w", "W.", NULL), 100);
    buf_reset(&e->out);
    metrics_write(e->metrics, &e->out);
    assert_non_null(strstr(buf_text(&e->out), "\nw_bucket{le=\"10\"} 0\nw_bucket{le=\"+Inf\"} 1\n"
                                              "w_sum 100\nw_count 1\n"));
}

static const char *last_line(const struct buf *out)
{
    const char *at = buf_text(out) + out->n_bytes - 1;

    while (at[-1] != '\n')
        at--;
    return at;
}

static void test_values_read_back_as_the_same_double(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.1, "g 0.1\n"},        {0.1 + 0.2, "g 0.30000000000000004\n"},
        {1e300, "g 1e+300\n"},   {4503599627370497.0, "g 4503599627370497\n"},
        {-2, "g -2\n"},          {INFINITY, "g +Inf\n"},
        {-INFINITY, "g -Inf\n"}, {NAN, "g NaN\n"},
    };
    struct exposition *e = *state;
    struct metrics_series *series = metrics_gauge(e->metrics, "g", "G.", NULL);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_set(series, rows[i].value);
        buf_reset(&e->out);
        metrics_write(e->metrics, &e->out);
        assert_string_equal(last_line(&e->out), rows[i].text);
    }
}

static void test_no_series_is_fine(void **state)
{
    (void)state;
    metrics_add(NULL, 1);
    metrics_set(NULL, 1);
    metrics_observe(NULL, 1);
    metrics_free(NULL);
}

static double value_of(const struct exposition *e, const char *name)
{
    char line[100];
    const char *at;
    double value = -1;

    snprintf(line, sizeof line, "\n%s ", name);
    at = strstr(buf_text(&e->out), line);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(line), "%lf", &value), 1);
    return value;
}

static void test_the_process_is_described_from_proc(void **state)
{
    struct exposition *e = *state;
    double fds;
    int fd;

    metrics_refresh_process(e->metrics);
    metrics_write(e->metrics, &e->out);
    fds = value_of(e, "process_open_fds");
    assert_true(fds >= 3);
    assert_true(value_of(e, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(e, "process_cpu_seconds_total") >= 0);
    assert_true(fabs(value_of(e, "process_start_time_seconds") - (double)time(NULL)) < 120);
    fd = dup(0);
    metrics_refresh_process(e->metrics);
    buf_reset(&e->out);
    metrics_write(e->metrics, &e->out);
    assert_true(fabs(value_of(e, "process_open_fds") - fds - 1) < 0.5);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counters_and_gauges_are_written_once_a_name,
                                        open_metrics, close_metrics),
        cmocka_unit_test_setup_teardown(test_a_histogram_counts_cumulatively, open_metrics,
                                        close_metrics),
        cmocka_unit_test_setup_teardown(test_a_histogram_without_labels_has_only_le, open_metrics,
                                        close_metrics),
        cmocka_unit_test_setup_teardown(test_values_read_back_as_the_same_double, open_metrics,
                                        close_metrics),
        cmocka_unit_test(test_no_series_is_fine),
        cmocka_unit_test_setup_teardown(test_the_process_is_described_from_proc, open_metrics,
                                        close_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/base/test_log.c — a line is read back as a reader would: by a JSON parser. */
#include "common/base/log.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/utf8.h"

struct fixture {
    struct log log;
    int read_fd;
    char line[8192];
};

static int open_log(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];

    if (f == NULL || pipe(ends) != 0)
        return -1;
    log_init(&f->log, "backend", LOG_INFO);
    f->log.fd = ends[1];
    f->read_fd = ends[0];
    *state = f;
    return 0;
}

static int close_log(void **state)
{
    struct fixture *f = *state;

    close(f->log.fd);
    close(f->read_fd);
    free(f);
    return 0;
}

/* Read what one write(2) put into the pipe and parse it; check that it is one line. */
static cJSON *read_line(struct fixture *f)
{
    ssize_t n_read = read(f->read_fd, f->line, sizeof f->line - 1);
    cJSON *parsed;

    assert_true(n_read > 0);
    f->line[n_read] = '\0';
    assert_ptr_equal(strchr(f->line, '\n'), f->line + n_read - 1);
    assert_true(utf8_is_valid(f->line, (size_t)n_read));
    parsed = cJSON_Parse(f->line);
    if (parsed == NULL)
        fail_msg("not JSON: %s", f->line);
    return parsed;
}

static const char *text_of(const cJSON *line, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(line, key));
}

static void test_a_line_has_its_head_and_its_pairs_in_order(void **state)
{
    struct fixture *f = *state;
    bool is_late = true;
    int64_t at;
    cJSON *line;

    log_info(&f->log, "task_saved", KV("task_id", "7"), KV("ms", 12), KV("is_late", is_late),
             KV("err", (const char *)NULL), KV("size", sizeof(int64_t)), KV("big", INT64_MIN));
    line = read_line(f);
    assert_true(clock_read(text_of(line, "ts"), &at));
    assert_non_null(strstr(f->line,
                           ",\"level\":\"info\",\"service\":\"backend\",\"event\":\"task_saved\","
                           "\"task_id\":\"7\",\"ms\":12,\"is_late\":true,\"size\":8,"
                           "\"big\":-9223372036854775808}\n"));
    cJSON_Delete(line);
}

static void test_lines_below_the_level_are_left_out(void **state)
{
    struct fixture *f = *state;
    cJSON *line;

    log_debug(&f->log, "not_seen", KV("n", 1));
    log_error(&f->log, "seen", KV("n", 1));
    line = read_line(f);
    assert_string_equal(text_of(line, "event"), "seen");
    assert_string_equal(text_of(line, "level"), "error");
    cJSON_Delete(line);
}

static void test_any_bytes_make_a_readable_line(void **state)
{
    struct fixture *f = *state;
    char bytes[256];
    cJSON *line;

    for (int i = 0; i < 255; i++)
        bytes[i] = (char)(i + 1);
    bytes[255] = '\0';
    log_warn(&f->log, "odd", KV("err", bytes), KV("after", "x"));
    line = read_line(f);
    assert_memory_equal(text_of(line, "err"), bytes, 127);
    assert_string_equal(text_of(line, "err") + strlen(text_of(line, "err")) - 3, "\xEF\xBF\xBD");
    assert_string_equal(text_of(line, "after"), "x");
    cJSON_Delete(line);
}

/* Every way of filling the last bytes: plain, two to four bytes a character, escapes. */
static void test_an_over_long_line_is_cut_and_stays_json(void **state)
{
    static const char *const fillings[] = {
        "x", "\"", "\n", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x99\x82", "\xFF"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof fillings / sizeof fillings[0]; i++)
        for (size_t shift = 0; shift < 8; shift++) {
            char value[9000] = "";
            cJSON *line;

            memset(value, 'a', shift);
            while (strlen(value) < 8000)
                strcat(value, fillings[i]);
            log_info(&f->log, "long", KV("err", value), KV("after", 1));
            line = read_line(f);
            assert_in_range(strlen(f->line), 4080, 4096);
            assert_null(cJSON_GetObjectItem(line, "after"));
            if (fillings[i][0] != '\xFF')
                assert_memory_equal(text_of(line, "err"), value, strlen(text_of(line, "err")));
            cJSON_Delete(line);
        }
}

/* Pairs that end around the limit: whichever does not fit is left out whole, numbers too. */
static void test_every_length_around_the_limit_stays_json(void **state)
{
    struct fixture *f = *state;

    for (size_t length = 3900; length < 4100; length++) {
        char value[4200] = "";
        cJSON *line;

        memset(value, 'v', length);
        log_info(&f->log, "e", KV("a", value), KV("number", 1234567), KV("yes", (bool)true),
                 KV("text", "tail"));
        line = read_line(f);
        assert_true(strlen(f->line) <= 4096);
        if (cJSON_GetObjectItem(line, "number") != NULL)
            assert_int_equal(cJSON_GetObjectItem(line, "number")->valueint, 1234567);
        cJSON_Delete(line);
    }
}

static void test_logging_leaves_errno_alone(void **state)
{
    struct fixture *f = *state;
    struct log closed = f->log;

    closed.fd = -1;
    errno = ENOENT;
    log_info(&closed, "lost", KV("n", 1));
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_line_has_its_head_and_its_pairs_in_order, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(test_lines_below_the_level_are_left_out, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(test_any_bytes_make_a_readable_line, open_log, close_log),
        cmocka_unit_test_setup_teardown(test_an_over_long_line_is_cut_and_stays_json, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(test_every_length_around_the_limit_stays_json, open_log,
                                        close_log),
        cmocka_unit_test_setup_teardown(test_logging_leaves_errno_alone, open_log, close_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

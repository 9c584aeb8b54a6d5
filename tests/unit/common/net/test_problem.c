#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/net/problem.h"

static void test_a_problem_has_code_detail_and_trace(void **state)
{
    struct buf out = {0};
    struct err err;

    (void)state;
    err_set(&err, ERR_NOT_FOUND, "no \"task\" here");
    problem_write(&err, 404, "0af7651916cd43dd8448eb211c80319c", &out);
    assert_string_equal(buf_text(&out),
                        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                        "\"detail\":\"no \\\"task\\\" here\",\"code\":\"not_found\","
                        "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"}");
    buf_clear(&out);
}

static void test_a_slug_replaces_the_code_and_each_field_gets_an_entry(void **state)
{
    struct buf out = {0};
    struct err err = {0};

    (void)state;
    err_add_field(&err, "title", "is missing");
    err_add_field(&err, "tags[3]", "is empty");
    err.slug = "bad_task";
    problem_write(&err, 400, NULL, &out);
    assert_string_equal(buf_text(&out),
                        "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                        "\"detail\":\"title: is missing\",\"code\":\"bad_task\",\"errors\":["
                        "{\"field\":\"title\",\"message\":\"is missing\"},"
                        "{\"field\":\"tags[3]\",\"message\":\"is empty\"}]}");
    buf_clear(&out);
}

static void test_every_err_code_has_a_phrase(void **state)
{
    (void)state;
    for (int code = ERR_INVALID; code <= ERR_INTERNAL; code++)
        assert_string_not_equal(http_status_phrase(err_http_status((enum err_code)code)), "Error");
    assert_string_equal(http_status_phrase(299), "Error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_problem_has_code_detail_and_trace),
        cmocka_unit_test(test_a_slug_replaces_the_code_and_each_field_gets_an_entry),
        cmocka_unit_test(test_every_err_code_has_a_phrase),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

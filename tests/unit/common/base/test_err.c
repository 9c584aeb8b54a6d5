/* tests/unit/common/base/test_err.c */
#include "common/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/utf8.h"

static void test_setting_returns_false_and_keeps_code_and_text(void **state)
{
    struct err err = {0};

    (void)state;
    assert_false(err_set(&err, ERR_STALE, "version: %d is not %d", 3, 4));
    assert_int_equal(err.code, ERR_STALE);
    assert_string_equal(err.text, "version: 3 is not 4");
    assert_null(err.slug);
    assert_true(err_is_set(&err));
    err_clear(&err);
    assert_false(err_is_set(&err));
    assert_string_equal(err.text, "");
}

static void test_a_missing_err_is_fine_everywhere(void **state)
{
    (void)state;
    assert_false(err_set(NULL, ERR_RATE, "x"));
    assert_false(err_set_slug(NULL, ERR_RATE, "slug", "x"));
    assert_false(err_add_field(NULL, "title", "x"));
    err_clear(NULL);
    assert_false(err_is_set(NULL));
    assert_false(err_is_transient(NULL));
}

static void test_the_old_text_may_be_part_of_the_new(void **state)
{
    struct err err = {0};

    (void)state;
    err_set(&err, ERR_INTERNAL, "inner");
    err_set_slug(&err, ERR_CONFLICT, "taken", "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
    assert_string_equal(err.slug, "taken");
}

static void test_an_over_long_text_is_cut_at_a_character(void **state)
{
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x99\x82"};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t shift = 0; shift < 4; shift++) {
            char text[600] = "";
            struct err err = {0};
            size_t n_bytes;

            memset(text, 'a', shift);
            while (strlen(text) < 500)
                strcat(text, characters[i]);
            err_set(&err, ERR_INVALID, "%s", text);
            n_bytes = strlen(err.text);
            assert_true(utf8_is_valid(err.text, n_bytes));
            assert_in_range(n_bytes, ERR_TEXT_MAX - 4, ERR_TEXT_MAX - 1);
            assert_memory_equal(err.text, text, n_bytes);
        }
}

static void test_the_first_field_makes_the_text(void **state)
{
    struct err err = {0};

    (void)state;
    err_set(&err, ERR_INTERNAL, "something earlier");
    assert_false(err_add_field(&err, "title", "is %d characters long; at most %d", 501, 500));
    assert_false(err_add_field(&err, "tags[3]", "is empty"));
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(err.n_fields, 2);
    assert_string_equal(err.text, "title: is 501 characters long; at most 500");
    assert_string_equal(err.fields[0].field, "title");
    assert_string_equal(err.fields[0].text, "is 501 characters long; at most 500");
    assert_string_equal(err.fields[1].field, "tags[3]");
}

static void test_setting_forgets_fields(void **state)
{
    struct err err = {0};

    (void)state;
    err_add_field(&err, "title", "is empty");
    err_set(&err, ERR_TOO_LARGE, "x");
    assert_int_equal(err.n_fields, 0);
}

static void test_fields_beyond_the_limit_are_dropped(void **state)
{
    struct err err = {0};

    (void)state;
    for (int i = 0; i < ERR_FIELDS_MAX + 3; i++)
        err_add_field(&err, "f", "%d", i);
    assert_int_equal(err.n_fields, ERR_FIELDS_MAX);
    assert_string_equal(err.fields[ERR_FIELDS_MAX - 1].text, "7");
}

static void test_a_long_field_name_is_cut_at_a_character(void **state)
{
    struct err err = {0};
    char name[200] = "a";

    (void)state;
    for (int i = 0; i < 60; i++)
        strcat(name, "\xE2\x82\xAC");
    err_add_field(&err, name, "is unknown");
    assert_true(utf8_is_valid(err.fields[0].field, strlen(err.fields[0].field)));
    assert_int_equal(strlen(err.fields[0].field), 46); /* 1 + 15 * 3 of 47 */
    assert_true(utf8_is_valid(err.text, strlen(err.text)));
}

static void test_every_code_has_a_name_and_a_status(void **state)
{
    static const struct {
        enum err_code code;
        const char *name;
        int status;
        bool is_transient;
    } rows[] = {
        {ERR_NONE, "none", 200, false},
        {ERR_INVALID, "invalid", 400, false},
        {ERR_UNAUTHENTICATED, "unauthenticated", 401, false},
        {ERR_FORBIDDEN, "forbidden", 403, false},
        {ERR_NOT_FOUND, "not_found", 404, false},
        {ERR_METHOD, "method_not_allowed", 405, false},
        {ERR_CONFLICT, "conflict", 409, false},
        {ERR_STALE, "stale_version", 412, false},
        {ERR_TOO_LARGE, "too_large", 413, false},
        {ERR_MEDIA_TYPE, "unsupported_media_type", 415, false},
        {ERR_KEY_REUSED, "idempotency_key_reused", 422, false},
        {ERR_RATE, "rate_limited", 429, true},
        {ERR_TIMEOUT, "timeout", 503, true},
        {ERR_UNAVAILABLE, "unavailable", 503, true},
        {ERR_INTERNAL, "internal", 500, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {.code = rows[i].code};

        assert_string_equal(err_code_name(rows[i].code), rows[i].name);
        assert_int_equal(err_http_status(rows[i].code), rows[i].status);
        assert_int_equal(err_is_transient(&err), rows[i].is_transient);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setting_returns_false_and_keeps_code_and_text),
        cmocka_unit_test(test_a_missing_err_is_fine_everywhere),
        cmocka_unit_test(test_the_old_text_may_be_part_of_the_new),
        cmocka_unit_test(test_an_over_long_text_is_cut_at_a_character),
        cmocka_unit_test(test_the_first_field_makes_the_text),
        cmocka_unit_test(test_setting_forgets_fields),
        cmocka_unit_test(test_fields_beyond_the_limit_are_dropped),
        cmocka_unit_test(test_a_long_field_name_is_cut_at_a_character),
        cmocka_unit_test(test_every_code_has_a_name_and_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

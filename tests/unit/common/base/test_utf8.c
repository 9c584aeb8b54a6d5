/* tests/unit/common/base/test_utf8.c — RFC 3629 §3, §4. */
#include "common/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t encode(unsigned long code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

static void test_every_code_point_but_surrogates_is_valid(void **state)
{
    (void)state;
    for (unsigned long code = 0; code <= 0x1FFFFF; code++) {
        bool is_valid = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
        char bytes[4];
        size_t length = encode(code, bytes);

        assert_int_equal(utf8_is_valid(bytes, length), is_valid);
        assert_int_equal(utf8_length_at(bytes, length), is_valid ? length : 0);
        if (length > 1) {
            assert_false(utf8_is_valid(bytes, length - 1));
            assert_int_equal(utf8_length_at(bytes, length - 1), 0);
            assert_false(utf8_is_valid(bytes + 1, length - 1));
        }
    }
}

static void test_malformed_bytes_are_refused_at_every_place(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xC3(",
        "\xE2\x82(",
        "\xF0\x9F\x99(",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (size_t before = 0; before < 20; before++) {
            size_t length = before + strlen(bad[i]);
            char *text = malloc(length); /* exact, so that ASan sees a read past the end */

            memset(text, 'a', before);
            memcpy(text + before, bad[i], strlen(bad[i]));
            assert_false(utf8_is_valid(text, length));
            free(text);
        }
}

static void test_characters_are_counted_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(""), 0);
    assert_int_equal(utf8_count("abc"), 3);
    assert_int_equal(utf8_count("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82"), 4);
    assert_true(utf8_is_valid("", 0));
    assert_true(utf8_is_valid(NULL, 0));
    assert_int_equal(utf8_length_at("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_but_surrogates_is_valid),
        cmocka_unit_test(test_malformed_bytes_are_refused_at_every_place),
        cmocka_unit_test(test_characters_are_counted_not_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

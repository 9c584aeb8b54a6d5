/* tests/unit/common/json/test_json_scan.c — RFC 8259 and what goes beyond it, one text a row. */
#include "common/json/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json_field.h"

static const char *const accepted[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "12",
    "-12",
    "1.5",
    "0.0",
    "-0.001",
    "1e5",
    "1E+5",
    "1e-5",
    "123456789012345678901234567890",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\"",
    "\"\\u00e9\\u20AC\"",
    "\"\\ud83d\\ude42\"",
    "\"\\uD83D\\uDE42x\"",
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82\"",
    "\"\x7F\"",
    "\"\xEF\xBF\xBF\"",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[1,2]",
    "[[],{}]",
    "{\"a\":1}",
    "{\"a\":1,\"a\":2}",
    "{\"\":{}}",
    " \t\r\n{ \"a\" : [ 1 , null ] , \"b\" : \"x\" } \n",
    "[\"[{,:}]\"]",
    "[\"\\\\\",\"\\\"\"]",
};

/* The text, and where the first wrong byte is. */
static const struct {
    const char *text;
    unsigned offset;
    const char *problem;
} refused[] = {
    {"", 0, "a value is expected"},
    {"  ", 2, "a value is expected"},
    {"\xEF\xBB\xBF{}", 0, "a value is expected"}, /* a byte order mark: RFC 8259 §8.1 */
    {"nul", 0, "a value is expected"},
    {"nulL", 0, "a value is expected"},
    {"True", 0, "a value is expected"},
    {"NaN", 0, "a value is expected"},
    {"Infinity", 0, "a value is expected"},
    {"-Infinity", 1, "a digit is expected"},
    {"'a'", 0, "a value is expected"},
    {"// x\n1", 0, "a value is expected"},
    {"nullx", 4, "nothing may follow"},
    {"1 2", 2, "nothing may follow"},
    {"{}{}", 2, "nothing may follow"},
    {"[]]", 2, "nothing may follow"},
    {"{},", 2, "nothing may follow"},
    /* numbers: §6 */
    {"-", 1, "a digit is expected"},
    {"+1", 0, "a value is expected"},
    {"01", 1, "must not begin with 0"},
    {"-01", 2, "must not begin with 0"},
    {"1.", 2, "a digit is expected"},
    {".5", 0, "a value is expected"},
    {"1.e5", 2, "a digit is expected"},
    {"1e", 2, "a digit is expected"},
    {"1e+", 3, "a digit is expected"},
    {"0x10", 1, "nothing may follow"},
    {"1_000", 1, "nothing may follow"},
    {"[1 000]", 3, "a comma or ]"},
    /* texts: §7 */
    {"\"", 1, "no closing quote"},
    {"\"a", 2, "no closing quote"},
    {"\"\\\"", 3, "no closing quote"},
    {"\"\\", 2, "a backslash must be followed"},
    {"\"\\x41\"", 2, "a backslash must be followed"},
    {"\"\\'\"", 2, "a backslash must be followed"},
    {"\"\\U0041\"", 2, "a backslash must be followed"},
    {"\"\\u004\"", 6, "four hexadecimal digits"},
    {"\"\\u00g0\"", 5, "four hexadecimal digits"},
    {"\"\\u 041\"", 3, "four hexadecimal digits"},
    {"\"\\u0000\"", 1, "\\u0000"},
    {"\"ab\\u0000\"", 3, "\\u0000"},
    {"\"\\ud83d\"", 1, "lone surrogate"},
    {"\"\\ude42\"", 1, "lone surrogate"},
    {"\"\\ude42\\ud83d\"", 1, "lone surrogate"},
    {"\"\\ud83d\\ud83d\"", 1, "lone surrogate"},
    {"\"\\ud83d\\u0041\"", 1, "lone surrogate"},
    {"\"\\ud83d\\n\"", 1, "lone surrogate"},
    {"\"\\ud83d\\u00\"", 11, "four hexadecimal digits"},
    {"\"a\nb\"", 2, "control character"},
    {"\"a\tb\"", 2, "control character"},
    {"\"\x1F\"", 1, "control character"},
    {"\"\x80\"", 1, "not valid UTF-8"},
    {"\"\xC0\x80\"", 1, "not valid UTF-8"},
    {"\"a\xED\xA0\x80\"", 2, "not valid UTF-8"},
    {"\"\xF4\x90\x80\x80\"", 1, "not valid UTF-8"},
    {"\"\xC3", 1, "not valid UTF-8"},
    {"\"\xE2\x82\"", 1, "not valid UTF-8"},
    /* objects and arrays: §4, §5 */
    {"{", 1, "a key in quotes"},
    {"{a:1}", 1, "a key in quotes"},
    {"{'a':1}", 1, "a key in quotes"},
    {"{1:1}", 1, "a key in quotes"},
    {"{\"a\"", 4, "a colon"},
    {"{\"a\" 1}", 5, "a colon"},
    {"{\"a\":}", 5, "a value is expected"},
    {"{\"a\":1", 6, "a comma or }"},
    {"{\"a\":1]", 6, "a comma or }"},
    {"{\"a\":1,}", 7, "a key in quotes"},
    {"{,\"a\":1}", 1, "a key in quotes"},
    {"{\"a\":1 \"b\":2}", 7, "a comma or }"},
    {"[", 1, "a value is expected"},
    {"[1", 2, "a comma or ]"},
    {"[1}", 2, "a comma or ]"},
    {"[1,]", 3, "a value is expected"},
    {"[,1]", 1, "a value is expected"},
    {"[1;2]", 2, "a comma or ]"},
    {"]", 0, "a value is expected"},
    {"[\xC2\xA0]", 1, "a value is expected"}, /* no-break space is no whitespace */
    {"[1,\f2]", 3, "a value is expected"},
};

/* Check a copy of exactly this size, so that ASan sees any read past the end. */
static bool check(const char *text, size_t n_bytes, struct err *err)
{
    char *copy = malloc(n_bytes > 0 ? n_bytes : 1);
    struct json_slice value = {0};
    bool is_good;

    memcpy(copy, text, n_bytes);
    err_clear(err);
    is_good = json_scan_check(copy, n_bytes, &value, err);
    free(copy);
    return is_good;
}

static void test_what_the_rfc_allows_is_accepted(void **state)
{
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        if (!check(accepted[i], strlen(accepted[i]), &err))
            fail_msg("%s: %s", accepted[i], err.text);
}

static void test_what_it_does_not_is_refused_at_the_right_byte(void **state)
{
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char place[20];

        snprintf(place, sizeof place, "byte %u:", refused[i].offset);
        if (check(refused[i].text, strlen(refused[i].text), &err) || err.code != ERR_INVALID ||
            strstr(err.text, place) == NULL || strstr(err.text, refused[i].problem) == NULL)
            fail_msg("%s: \"%s\" instead of %s %s", refused[i].text, err.text, place,
                     refused[i].problem);
    }
}

static void test_a_nul_is_refused_wherever_it_stands(void **state)
{
    static const char text[] = "{\"a\":[1,\"x\"],\"b\":null}";
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        char broken[sizeof text + 1];

        memcpy(broken, text, i);
        broken[i] = '\0';
        memcpy(broken + i + 1, text + i, sizeof text - i - 1);
        assert_false(check(broken, sizeof text, &err));
    }
}

static void test_no_prefix_of_a_text_is_accepted(void **state)
{
    static const char text[] =
        "{\"a\":[1.5e3,\"\\ud83d\\ude42\xF0\x9F\x99\x82\"],\"b\":{\"c\":null}}";
    struct err err;

    (void)state;
    assert_true(check(text, strlen(text), &err));
    for (size_t length = 0; length < strlen(text); length++)
        assert_false(check(text, length, &err));
    assert_false(json_scan_check(NULL, 0, &(struct json_slice){0}, &err));
}

static bool check_nested(size_t depth, char open, char close, struct err *err)
{
    char *text = malloc(depth * 2);
    bool is_good;

    memset(text, open, depth);
    memset(text + depth, close, depth);
    is_good = check(text, depth * 2, err);
    free(text);
    return is_good;
}

static void test_nesting_has_a_limit_that_is_named(void **state)
{
    static const size_t depths[] = {JSON_DEPTH_MAX + 1, 1000, 500000};
    struct err err;

    (void)state;
    assert_true(check_nested(JSON_DEPTH_MAX, '[', ']', &err));
    for (size_t i = 0; i < 3; i++) {
        assert_false(check_nested(depths[i], '[', ']', &err));
        assert_string_equal(err.text, "byte 32: the value is nested more than 32 levels deep");
    }
}

static void test_walking_yields_every_part_as_it_was_written(void **state)
{
    static const char text[] = " { \"a\" : 1.50 , \"b\\\"\":[ \"]\\\\\" , {} ] ,\"c\":null} ";
    static const char *const parts[] = {"\"a\"", "1.50", "\"b\\\"\"", "[ \"]\\\\\" , {} ]",
                                        "\"c\"", "null"};
    struct json_slice value, key;
    struct json_walk walk;
    struct err err;

    (void)state;
    assert_true(json_scan_check(text, strlen(text), &value, &err));
    assert_int_equal(value.n_bytes, strlen(text) - 2);
    walk = json_walk_begin(value);
    for (size_t i = 0; i < 6; i += 2) {
        assert_true(json_walk_next(&walk, &key, &value));
        assert_int_equal(key.n_bytes, strlen(parts[i]));
        assert_memory_equal(key.text, parts[i], key.n_bytes);
        assert_int_equal(value.n_bytes, strlen(parts[i + 1]));
        assert_memory_equal(value.text, parts[i + 1], value.n_bytes);
    }
    assert_false(json_walk_next(&walk, &key, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_rfc_allows_is_accepted),
        cmocka_unit_test(test_what_it_does_not_is_refused_at_the_right_byte),
        cmocka_unit_test(test_a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(test_no_prefix_of_a_text_is_accepted),
        cmocka_unit_test(test_nesting_has_a_limit_that_is_named),
        cmocka_unit_test(test_walking_yields_every_part_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

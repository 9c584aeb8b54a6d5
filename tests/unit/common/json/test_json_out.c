/* tests/unit/common/json/test_json_out.c — what is written is read back by another parser. */
#include "common/json/json_out.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_commas_stand_between_and_nowhere_else(void **state)
{
    struct json_out out;
    struct buf buf;

    (void)state;
    buf_init(&buf);
    json_out_init(&out, &buf);
    json_open_object(&out, NULL);
    json_open_array(&out, "empty");
    json_close_array(&out);
    json_open_object(&out, "nothing");
    json_close_object(&out);
    json_open_array(&out, "items");
    json_int(&out, NULL, 1);
    json_open_object(&out, NULL);
    json_text(&out, "a", "b");
    json_bool(&out, "yes", true);
    json_bool(&out, "no", false);
    json_close_object(&out);
    json_null(&out, NULL);
    json_close_array(&out);
    json_raw(&out, "raw", "[1,2]");
    json_raw(&out, "none", NULL);
    json_text(&out, "gone", NULL);
    json_time(&out, "never", 0);
    json_time(&out, "at", INT64_C(1795254360123));
    json_close_object(&out);
    assert_string_equal(
        buf_text(&buf),
        "{\"empty\":[],\"nothing\":{},\"items\":[1,{\"a\":\"b\",\"yes\":true,\"no\":false},"
        "null],\"raw\":[1,2],\"none\":null,\"gone\":null,\"never\":null,"
        "\"at\":\"2026-11-21T09:46:00.123Z\"}");
    buf_clear(&buf);
}

static void test_every_character_survives(void **state)
{
    (void)state;
    for (int c = 1; c < 0x80; c++)
        for (size_t before = 0; before < 3; before++) {
            char text[8] = "ab";
            struct json_out out;
            struct buf buf;
            cJSON *parsed;

            text[before] = (char)c;
            text[before + 1] = 'z';
            buf_init(&buf);
            json_out_init(&out, &buf);
            json_text(&out, NULL, text);
            parsed = cJSON_Parse(buf_text(&buf));
            assert_string_equal(cJSON_GetStringValue(parsed), text);
            for (size_t i = 0; i < buf.n_bytes; i++)
                assert_true((unsigned char)buf.bytes[i] >= 0x20);
            cJSON_Delete(parsed);
            buf_clear(&buf);
        }
}

static void test_escapes_are_the_short_ones_where_there_are(void **state)
{
    struct json_out out;
    struct buf buf;

    (void)state;
    buf_init(&buf);
    json_out_init(&out, &buf);
    json_text(&out, NULL, "\"\\/\b\f\n\r\t\x01\x1F\x7F\xC3\xA9\xF0\x9F\x99\x82");
    assert_string_equal(buf_text(&buf), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\xC3\xA9"
                                        "\xF0\x9F\x99\x82\"");
    buf_clear(&buf);
}

static void test_numbers_are_exact_to_their_limits(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {10, "10"},
        {INT64_C(9007199254740993), "9007199254740993"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_out out;
        struct buf buf;

        buf_init(&buf);
        json_out_init(&out, &buf);
        json_int(&out, NULL, rows[i].value);
        assert_string_equal(buf_text(&buf), rows[i].text);
        buf_clear(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_stand_between_and_nowhere_else),
        cmocka_unit_test(test_every_character_survives),
        cmocka_unit_test(test_escapes_are_the_short_ones_where_there_are),
        cmocka_unit_test(test_numbers_are_exact_to_their_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/percent.h"

static const struct {
    const char *text;
    enum percent_mode mode;
    const char *decoded; /* NULL: refused */
} rows[] = {
    {"", PERCENT_PATH, ""},
    {"abc", PERCENT_PATH, "abc"},
    {"a+b", PERCENT_PATH, "a+b"},
    {"a+b", PERCENT_FORM, "a b"},
    {"%2B", PERCENT_FORM, "+"},
    {"%20%2f%2F", PERCENT_PATH, " //"},
    {"%e2%82%ac", PERCENT_PATH, "\xe2\x82\xac"},
    {"%25", PERCENT_PATH, "%"},
    {"%2525", PERCENT_PATH, "%25"},
    {"%", PERCENT_PATH, NULL},
    {"a%", PERCENT_PATH, NULL},
    {"%4", PERCENT_PATH, NULL},
    {"%g0", PERCENT_PATH, NULL},
    {"%0g", PERCENT_PATH, NULL},
    {"%%41", PERCENT_PATH, NULL},
    {"%00", PERCENT_PATH, NULL},
    {"a%00b", PERCENT_FORM, NULL},
    {"%ff", PERCENT_PATH, NULL},
    {"%e2%82", PERCENT_PATH, NULL},
    {"%c0%af", PERCENT_PATH, NULL},    /* an over-long slash */
    {"%ed%a0%80", PERCENT_PATH, NULL}, /* a surrogate */
};

static void test_each_text_is_decoded_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char out[64];
        const char *wrong = percent_decode(rows[i].text, strlen(rows[i].text), rows[i].mode, out);

        if ((wrong == NULL) != (rows[i].decoded != NULL))
            fail_msg("\"%s\": %s", rows[i].text, wrong ? wrong : "was taken");
        if (rows[i].decoded)
            assert_string_equal(out, rows[i].decoded);
    }
}

static void test_decoding_in_place_works(void **state)
{
    char text[] = "a%20b%41";

    (void)state;
    assert_null(percent_decode(text, strlen(text), PERCENT_PATH, text));
    assert_string_equal(text, "a bA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_text_is_decoded_or_refused),
        cmocka_unit_test(test_decoding_in_place_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/websocket/domain/origin.h"

static const struct {
    const char *origin;
    bool has_cookie;
    const char *allowed;
    bool is_fine;
} rows[] = {
    {"https://a.example", false, "https://a.example", true},
    {"https://a.example", true, "https://b.example, https://a.example", true},
    {"https://b.example", false, "https://b.example,https://a.example", true},
    {"https://a.example", false, "", false},
    {"https://a.example", false, ",,", false},
    {"https://a.example", false, "https://a.example:8080", false},
    {"https://a.example:8080", false, "https://a.example", false},
    {"http://a.example", false, "https://a.example", false},
    {"https://A.example", false, "https://a.example", false},
    {"https://a.exampl", false, "https://a.example", false},
    {"https://a.example.evil", false, "https://a.example", false},
    {"https://a.example,https://b.example", false, "https://a.example,https://b.example", false},
    {"null", false, "https://a.example", false},
    {"", false, "https://a.example,,", false},
    {"", false, "", false},
    {NULL, false, "", true},
    {NULL, false, "https://a.example", true},
    {NULL, true, "https://a.example", false},
};

static void test_each_origin_is_let_in_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct err err = {0};
        bool is_fine = origin_check(rows[i].origin, rows[i].has_cookie, rows[i].allowed, &err);

        if (is_fine != rows[i].is_fine)
            fail_msg("%s against \"%s\"", rows[i].origin ? rows[i].origin : "none",
                     rows[i].allowed);
        assert_int_equal(err.code, is_fine ? ERR_NONE : ERR_FORBIDDEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_origin_is_let_in_or_not)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

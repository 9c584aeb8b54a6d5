#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/http_proxies.h"

static const struct {
    const char *proxies, *address;
    bool is_one;
} rows[] = {
    {"", "127.0.0.1", false},
    {"127.0.0.0/8,::1", "127.9.9.9", true},
    {"127.0.0.0/8,::1", "::ffff:127.0.0.1", true},
    {"127.0.0.0/8,::1", "::1", true},
    {"127.0.0.0/8,::1", "::2", false},
    {"127.0.0.0/8,::1", "128.0.0.1", false},
    {"10.244.0.0/16", "10.244.255.255", true},
    {"10.244.0.0/16", "10.245.0.0", false},
    {"10.244.0.128/25", "10.244.0.129", true},
    {"10.244.0.128/25", "10.244.0.127", false},
    {"10.88.0.1", "10.88.0.1", true},
    {"10.88.0.1", "10.88.0.2", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "2001:db8::1", false}, /* IPv4 alone */
    {"::/0", "203.0.113.9", true},
    {"fd00::/8", "fdff::1", true},
    {"fd00::/8", "fe00::1", false},
    {"fd00::/8", "here", false},
};

static const char *const refused[] = {
    ",",
    "127.0.0.1,",
    ",::1",
    "localhost",
    "127.0.0.1/33",
    "::1/129",
    "1.2.3.4/",
    "1.2.3.4/-1",
    "1.2.3/8",
    "1.2.3.4/8x",
    "1.2.3.4 ",
    "1.2.3.4/ 8",
    "1,2",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/128",
};

static void test_an_address_is_a_proxys_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_proxies proxies;
        struct err err = {0};

        if (!http_proxies_read(rows[i].proxies, "P", &proxies, &err))
            fail_msg("%s", err.text);
        if (http_proxies_has(&proxies, rows[i].address) != rows[i].is_one)
            fail_msg("%s in %s", rows[i].address, rows[i].proxies);
    }
}

static void test_what_is_no_range_is_refused_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct http_proxies proxies;
        struct err err = {0};

        if (http_proxies_read(refused[i], "HTTP_PROXIES", &proxies, &err))
            fail_msg("%s was taken", refused[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, "HTTP_PROXIES: "));
    }
}

static void test_there_are_at_most_16(void **state)
{
    struct http_proxies proxies;
    struct err err = {0};

    (void)state;
    assert_true(http_proxies_read("1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
                                  "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,::1",
                                  "P", &proxies, &err));
    assert_true(http_proxies_has(&proxies, "::1"));
    assert_false(
        http_proxies_read("1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
                          "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,::1,::2",
                          "P", &proxies, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_is_a_proxys_or_not),
        cmocka_unit_test(test_what_is_no_range_is_refused_and_named),
        cmocka_unit_test(test_there_are_at_most_16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

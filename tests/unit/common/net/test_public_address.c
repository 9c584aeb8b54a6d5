/* tests/unit/common/net/test_public_address.c — which URLs and addresses are of the public internet, from
 * public_addresses.txt. */
#include "common/net/public_address.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static const char DATA_PATH[] = "tests/unit/common/net/public_addresses.txt";

/* what the error's text must have */
static const struct {
    const char *verdict, *text;
} verdicts[] = {
    {"public", NULL},
    {"private", "address: is not an address of the public internet"},
    {"host", "address: has no host"},
    {"port", "port"},
    {"scheme", "address: does not begin with https://"},
    {"user", "address: has a user's name"},
    {"fragment", "address: has a fragment"},
    {"character", "address: has a character"},
};

static struct address_policy policy_of(const char *ports, bool allows_loopback)
{
    struct address_policy policy;
    struct err err = {0};

    assert_true(address_policy_read(ports, allows_loopback, &policy, &err));
    return policy;
}

static void expect(const struct address_policy *policy, const char *verdict, const char *url)
{
    struct err err = {0};
    bool is_allowed = address_check_url(policy, url, "address", &err);

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(verdicts[i].verdict, verdict) != 0)
            continue;
        if (is_allowed != (verdicts[i].text == NULL) ||
            (!is_allowed && strstr(err.text, verdicts[i].text) == NULL))
            fail_msg("%s is not %s but: %s", url, verdict, is_allowed ? "allowed" : err.text);
        assert_int_equal(err.code, is_allowed ? ERR_NONE : ERR_INVALID);
        assert_true(is_allowed || strcmp(err.fields[0].field, "address") == 0);
        return;
    }
    fail_msg("no verdict: %s", verdict);
}

static void test_urls_are_judged_as_the_file_says(void **state)
{
    const struct address_policy strict = policy_of("443,8443", false);
    const struct address_policy loose = policy_of("443,8443", true);
    FILE *file = fopen(DATA_PATH, "r");
    char line[512], url[400], verdict[16], loose_verdict[16];
    int n_urls = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        assert_int_equal(sscanf(line, "%15s %15s %399[^\n]", verdict, loose_verdict, url), 3);
        expect(&strict, verdict, url);
        expect(&loose, loose_verdict, url);
        n_urls++;
    }
    fclose(file);
    assert_true(n_urls > 150);
}

static void test_no_character_but_printable_ascii_is_taken(void **state)
{
    const struct address_policy policy = policy_of("443", false);
    char url[] = "https://example.com/a?";

    (void)state;
    for (int c = 1; c < 256; c++) {
        bool is_wanted = c > ' ' && c < 0x7F && strchr("\"<>\\^`{|}#", c) == NULL;

        url[20] = (char)c;
        if (address_check_url(&policy, url, "address", NULL) != is_wanted)
            fail_msg("%d", c);
    }
}

static void test_a_long_url_is_refused_with_its_length(void **state)
{
    const struct address_policy policy = policy_of("443", false);
    char url[ADDRESS_URL_MAX + 2];
    struct err err = {0};

    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "https://example.com/", 20);
    url[ADDRESS_URL_MAX] = '\0';
    assert_true(address_check_url(&policy, url, "url", &err));
    url[ADDRESS_URL_MAX] = 'a';
    url[ADDRESS_URL_MAX + 1] = '\0';
    assert_false(address_check_url(&policy, url, "url", &err));
    assert_string_equal(err.text, "url: is 2001 bytes long; at most 2000");
    memcpy(url, "https://", 8);
    memset(url + 8, 'a', 300);
    for (size_t i = 50; i < 300; i += 50)
        url[8 + i] = '.';
    memcpy(url + 8 + ADDRESS_HOST_MAX, "/", 2);
    assert_true(address_check_url(&policy, url, "url", &err));
    memcpy(url + 8 + ADDRESS_HOST_MAX, "a/", 3);
    assert_false(address_check_url(&policy, url, "url", &err));
}

static void test_a_url_is_taken_apart(void **state)
{
    struct address_url url;

    (void)state;
    assert_true(address_read_url("https://Push.Example:8443/x?y", "url", &url, NULL));
    assert_true(url.is_https);
    assert_string_equal(url.host, "push.example");
    assert_int_equal(url.port, 8443);
    assert_true(address_read_url("http://[::1]", "url", &url, NULL));
    assert_false(url.is_https);
    assert_string_equal(url.host, "[::1]");
    assert_int_equal(url.port, 80);
}

static void test_the_list_of_ports_is_read_strictly(void **state)
{
    static const char *const bad[] = {"",
                                      ",",
                                      "443,",
                                      ",443",
                                      "443,,8443",
                                      "0",
                                      "-1",
                                      "+443",
                                      "65536",
                                      "x",
                                      "443 ",
                                      " 443",
                                      "443x",
                                      "443;80",
                                      "1,2,3,4,5,6,7,8,9",
                                      "99999999999999999999"};
    struct address_policy policy;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (address_policy_read(bad[i], false, &policy, &err))
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, "USER_ADDRESS_PORTS"));
    }
    policy = policy_of("443,8443,65535", false);
    assert_int_equal(policy.n_ports, 3);
    assert_int_equal(policy.ports[1], 8443);
    assert_false(policy.allows_loopback);
    assert_true(policy_of("1", true).allows_loopback);
}

static void test_other_families_of_addresses_are_not_allowed(void **state)
{
    const struct address_policy policy = policy_of("443", true);
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    const struct sockaddr_in in4 = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                                     .sin6_addr.s6_addr = {0xFE, 0x80, [15] = 1}};

    (void)state;
    assert_false(address_is_allowed(&policy, (const struct sockaddr *)&local));
    assert_true(address_is_allowed(&policy, (const struct sockaddr *)&in4));
    assert_false(address_is_allowed(&policy, (const struct sockaddr *)&in6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_are_judged_as_the_file_says),
        cmocka_unit_test(test_no_character_but_printable_ascii_is_taken),
        cmocka_unit_test(test_a_long_url_is_refused_with_its_length),
        cmocka_unit_test(test_a_url_is_taken_apart),
        cmocka_unit_test(test_the_list_of_ports_is_read_strictly),
        cmocka_unit_test(test_other_families_of_addresses_are_not_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/websocket/domain/handshake.h"

static void test_the_accept_key_is_that_of_the_standard(void **state)
{
    const struct handshake handshake = {.key = "dGhlIHNhbXBsZSBub25jZQ=="}; /* RFC 6455 §1.3 */
    char head[HANDSHAKE_HEAD_SIZE];

    (void)state;
    handshake_write_head(&handshake, head);
    assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    assert_int_equal(strncmp(head, "HTTP/1.1 101 ", 13), 0);
}

static const struct {
    const char *upgrade, *connection;
    bool is_upgrade;
} upgrades[] = {
    {"websocket", "Upgrade", true},
    {"WebSocket", "keep-alive, upgrade", true},
    {"h2c, websocket", "upgrade,keep-alive", true},
    {"websocket", "\tUpgrade ", true},
    {"websockets", "Upgrade", false},
    {"web", "Upgrade", false},
    {"websocket", "keep-alive", false},
    {"websocket", "Upgraded", false},
    {"", "Upgrade", false},
    {NULL, "Upgrade", false},
    {"websocket", NULL, false},
};

static void test_an_upgrade_is_a_token_in_both_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(upgrades) / sizeof(*upgrades); i++) {
        const struct handshake handshake = {.upgrade = upgrades[i].upgrade,
                                            .connection = upgrades[i].connection};

        if (handshake_is_upgrade(&handshake) != upgrades[i].is_upgrade)
            fail_msg("row %zu", i);
    }
}

static const struct {
    const char *key;
    bool is_fine;
} keys[] = {
    {"dGhlIHNhbXBsZSBub25jZQ==", true},
    {"AAAAAAAAAAAAAAAAAAAAAA==", true},
    {"//////////////////////w==", false}, /* 25 characters */
    {"/////////////////////w==", true},
    {"/////////////////////x==", false}, /* bits behind the last byte */
    {"dGhlIHNhbXBsZSBub25jZQ=", false},
    {"dGhlIHNhbXBsZSBub25jZQ", false},
    {"dGhlIHNhbXBsZSBub25jZQ=A", false},
    {"dGhlIHNhb-BsZSBub25jZQ==", false},
    {"dGhlIHNh XBsZSBub25jZQ==", false},
    {"", false},
    {NULL, false},
};

static void test_a_key_is_the_base64_of_16_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct handshake handshake = {.key = keys[i].key};
        struct err err = {0};

        if (handshake_check_key(&handshake, &err) != keys[i].is_fine)
            fail_msg("key %zu", i);
        assert_int_equal(err.n_fields, keys[i].is_fine ? 0 : 1);
    }
}

static void test_only_version_13_is_known(void **state)
{
    static const char *const others[] = {"8", "130", "13, 8", "", NULL};

    (void)state;
    assert_true(handshake_is_known_version(&(struct handshake){.version = "13"}));
    assert_false(handshake_is_known_version(&(struct handshake){.version = NULL}));
    for (size_t i = 0; others[i]; i++)
        assert_false(handshake_is_known_version(&(struct handshake){.version = others[i]}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_accept_key_is_that_of_the_standard),
        cmocka_unit_test(test_an_upgrade_is_a_token_in_both_fields),
        cmocka_unit_test(test_a_key_is_the_base64_of_16_bytes),
        cmocka_unit_test(test_only_version_13_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

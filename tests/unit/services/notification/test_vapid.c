/* tests/unit/services/notification/test_vapid.c — tokens of RFC 8292: signed by our key, for one origin, for
 * less than a day. */
#include "services/notification/channels/vapid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "common/dapr/secrets.h"
#include "common/net/public_address.h"
#include "services/notification/channels/p256.h"

static const char PRIVATE[] = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
static const char PUBLIC[] =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEq"
    "KK6PBru3jl7A8";
static const char PRIVATE_2[] = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
static const char PUBLIC_2[] =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
static const int64_t NOW_S = 1795258116;

struct bench {
    struct vapid *vapid;
    struct arena arena;
    struct err err;
};

static bool set(struct bench *bench, const char *private_text, const char *public_text)
{
    struct secret_pair pairs[] = {{"private", private_text}, {"public", public_text}};
    const struct secret secret = {pairs, 2};

    return vapid_set(bench->vapid, &secret, &bench->err);
}

static int set_up(void **state)
{
    static struct bench bench;

    bench = (struct bench){.vapid = vapid_new("mailto:admin@localhost")};
    arena_init(&bench.arena);
    assert_true(set(&bench, PRIVATE, PUBLIC));
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    arena_clear(&bench->arena);
    vapid_free(bench->vapid);
    vapid_free(NULL);
    return 0;
}

static const char *authorize(struct bench *bench, const char *text, int64_t now_s)
{
    struct address_url url;
    const char *value = NULL;

    assert_true(address_read_url(text, "url", &url, &bench->err));
    assert_true(
        vapid_authorize(bench->vapid, &url, now_s * 1000, &bench->arena, &value, &bench->err));
    return value;
}

static size_t decode(const char *text, size_t n_text, unsigned char *bytes, size_t n_max)
{
    size_t n_bytes = 0;

    assert_int_equal(sodium_base642bin(bytes, n_max, text, n_text, NULL, &n_bytes, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    return n_bytes;
}

static bool is_signed(const char *text, size_t n_text, const unsigned char *mark,
                      const char *public_text)
{
    unsigned char point[P256_POINT_BYTES], der[128], *at = der;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    decode(public_text, strlen(public_text), point, sizeof point);
    EVP_PKEY *key = p256_public(point);

    ECDSA_SIG_set0(pair, BN_bin2bn(mark, 32, NULL), BN_bin2bn(mark + 32, 32, NULL));
    int n_der = i2d_ECDSA_SIG(pair, &at);

    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    bool ok =
        EVP_DigestVerify(context, der, (size_t)n_der, (const unsigned char *)text, n_text) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    ECDSA_SIG_free(pair);
    return ok;
}

/* The value is "vapid t=<head>.<claims>.<mark>, k=<public>". */
static void expect_token(const char *value, const char *claims_wanted, const char *public_text)
{
    const char *token = value + strlen("vapid t=");
    const char *comma = strstr(value, ", k="), *dot = strchr(token, '.');
    const char *dot2 = strchr(dot + 1, '.');
    unsigned char bytes[512] = {0}, mark[64];

    assert_memory_equal(value, "vapid t=", 8);
    assert_string_equal(comma + 4, public_text);
    decode(token, (size_t)(dot - token), bytes, sizeof bytes - 1);
    assert_string_equal(bytes, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}");
    memset(bytes, 0, sizeof bytes);
    decode(dot + 1, (size_t)(dot2 - dot - 1), bytes, sizeof bytes - 1);
    assert_string_equal(bytes, claims_wanted);
    assert_int_equal(decode(dot2 + 1, (size_t)(comma - dot2 - 1), mark, sizeof mark), 64);
    assert_true(is_signed(token, (size_t)(dot2 - token), mark, public_text));
    mark[10] ^= 1;
    assert_false(is_signed(token, (size_t)(dot2 - token), mark, public_text));
}

static void test_a_token_names_origin_end_and_contact_and_is_signed(void **state)
{
    struct bench *bench = *state;

    expect_token(authorize(bench, "https://push.example.net/a/b?c", NOW_S),
                 "{\"aud\":\"https://push.example.net\",\"exp\":1795301316,"
                 "\"sub\":\"mailto:admin@localhost\"}",
                 PUBLIC);
    expect_token(authorize(bench, "https://PUSH.example.net:8443/", NOW_S),
                 "{\"aud\":\"https://push.example.net:8443\",\"exp\":1795301316,"
                 "\"sub\":\"mailto:admin@localhost\"}",
                 PUBLIC);
    expect_token(authorize(bench, "http://[::1]:80/", NOW_S),
                 "{\"aud\":\"http://[::1]\",\"exp\":1795301316,\"sub\":\"mailto:admin@localhost\"}",
                 PUBLIC);
}

static void test_a_token_is_used_again_until_an_hour_before_its_end(void **state)
{
    struct bench *bench = *state;
    const char *first = authorize(bench, "https://a.example/1", NOW_S);

    assert_string_equal(authorize(bench, "https://a.example/2", NOW_S), first);
    assert_string_equal(authorize(bench, "https://a.example:443/", NOW_S + 11 * 3600), first);
    assert_string_not_equal(authorize(bench, "https://a.example/", NOW_S + 11 * 3600 + 1), first);
    /* the clock was set back: no token for more than a day from now */
    assert_string_not_equal(authorize(bench, "https://a.example/", NOW_S - 86400), first);
}

static void test_many_origins_each_get_their_own(void **state)
{
    struct bench *bench = *state;
    char url[64], claims[160];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 40; i++) {
            snprintf(url, sizeof url, "https://push-%d.example/x", i);
            snprintf(claims, sizeof claims,
                     "{\"aud\":\"https://push-%d.example\",\"exp\":1795301316,"
                     "\"sub\":\"mailto:admin@localhost\"}",
                     i);
            expect_token(authorize(bench, url, NOW_S), claims, PUBLIC);
        }
    }
}

static void test_a_new_key_signs_from_then_on(void **state)
{
    struct bench *bench = *state;

    (void)authorize(bench, "https://a.example/", NOW_S);
    assert_true(set(bench, PRIVATE_2, PUBLIC_2));
    expect_token(authorize(bench, "https://a.example/", NOW_S),
                 "{\"aud\":\"https://a.example\",\"exp\":1795301316,"
                 "\"sub\":\"mailto:admin@localhost\"}",
                 PUBLIC_2);
}

static void test_an_unusable_key_leaves_the_old_one(void **state)
{
    struct bench *bench = *state;
    const char *first = authorize(bench, "https://a.example/", NOW_S);

    assert_false(set(bench, PRIVATE, PUBLIC_2));
    assert_false(set(bench, PRIVATE, "AAAA"));
    assert_false(set(bench, "", ""));
    assert_false(set(bench, "no base64!", PUBLIC));
    assert_int_equal(bench->err.code, ERR_INVALID);
    assert_null(strstr(bench->err.text, PRIVATE));
    assert_string_equal(authorize(bench, "https://a.example/", NOW_S), first);
}

static void test_without_a_key_trying_again_helps(void **state)
{
    struct bench *bench = *state;
    struct vapid *vapid = vapid_new("mailto:a@b");
    struct address_url url;
    const char *value = NULL;

    assert_true(address_read_url("https://a.example/", "url", &url, &bench->err));
    assert_false(vapid_authorize(vapid, &url, NOW_S * 1000, &bench->arena, &value, &bench->err));
    assert_int_equal(bench->err.code, ERR_UNAVAILABLE);
    vapid_free(vapid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_names_origin_end_and_contact_and_is_signed),
        TEST(test_a_token_is_used_again_until_an_hour_before_its_end),
        TEST(test_many_origins_each_get_their_own),
        TEST(test_a_new_key_signs_from_then_on),
        TEST(test_an_unusable_key_leaves_the_old_one),
        TEST(test_without_a_key_trying_again_helps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

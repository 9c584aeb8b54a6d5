/* tests/unit/common/jwt/test_jwt_keys.c — tokens that are ours, and those that are not. */
#include "common/jwt/jwt_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jwt.h>
#include <sodium.h>

#include "common/dapr/secrets.h"

static const char SUBJECT[] = "01a1fdb8-e8ee-7106-b9b2-765a4df47759";
static const char KEY_1[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char KEY_2[] = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
static const int64_t NOW_S = 1795258116;

struct bench {
    struct jwt_keys *keys;
    struct arena arena;
    struct err err;
};

static bool set_keys(struct bench *bench, struct secret_pair *pairs, size_t n_pairs)
{
    const struct secret secret = {pairs, n_pairs};

    bench->err = (struct err){0};
    return jwt_keys_set(bench->keys, &secret, &bench->err);
}

static void open_bench(struct bench *bench)
{
    struct secret_pair pairs[] = {{"active", "k1"}, {"k1", KEY_1}, {"k2", KEY_2}};

    *bench = (struct bench){.keys = jwt_keys_new()};
    arena_init(&bench->arena);
    assert_false(jwt_keys_is_set(bench->keys));
    assert_true(set_keys(bench, pairs, 3));
}

static void close_bench(struct bench *bench)
{
    arena_clear(&bench->arena);
    jwt_keys_free(bench->keys);
}

static struct jwt_claims claims_of(const char *audience)
{
    return (struct jwt_claims){.audience = audience,
                               .subject = SUBJECT,
                               .session_id = "a session",
                               .seq = -1,
                               .issued_at_s = NOW_S,
                               .expires_at_s = NOW_S + 900};
}

static const char *sign(struct bench *bench, const struct jwt_claims *claims)
{
    const char *token = NULL;

    assert_true(jwt_sign(bench->keys, claims, &bench->arena, &token, &bench->err));
    return token;
}

static bool verify(struct bench *bench, const char *token, int64_t now_s)
{
    struct jwt_claims claims = {.audience = JWT_AUDIENCE_API};

    bench->err = (struct err){0};
    return jwt_verify(bench->keys, token, now_s * 1000, &bench->arena, &claims, &bench->err);
}

static void refuse(struct bench *bench, const char *token)
{
    if (verify(bench, token, NOW_S))
        fail_msg("accepted: %s", token);
    assert_int_equal(bench->err.code, ERR_UNAUTHENTICATED);
}

/* header "." body "." signature by `key` (HS256 whatever the header says), or "" without a key */
static const char *forge(struct bench *bench, const char *header, const char *body, const char *key)
{
    char head[512], text[1024], mark[64] = "";
    unsigned char bytes[32], mac[crypto_auth_hmacsha256_BYTES];
    const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

    sodium_bin2base64(head, sizeof head, (const unsigned char *)header, strlen(header), variant);
    sodium_bin2base64(text, sizeof text, (const unsigned char *)body, strlen(body), variant);
    const char *signed_part = arena_format(&bench->arena, "%s.%s", head, text);

    if (key != NULL) {
        assert_int_equal(sodium_base642bin(bytes, sizeof bytes, key, strlen(key), NULL, NULL, NULL,
                                           sodium_base64_VARIANT_ORIGINAL),
                         0);
        crypto_auth_hmacsha256(mac, (const unsigned char *)signed_part, strlen(signed_part), bytes);
        sodium_bin2base64(mark, sizeof mark, mac, sizeof mac, variant);
    }
    return arena_format(&bench->arena, "%s.%s", signed_part, mark);
}

static const char GOOD_HEADER[] = "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}";
static const char GOOD_BODY[] = "{\"aud\":\"api\",\"iss\":\"todo\",\"exp\":1795259016,"
                                "\"sub\":\"01a1fdb8-e8ee-7106-b9b2-765a4df47759\"}";

static void test_what_is_signed_is_verified(void **state)
{
    struct bench bench;
    struct jwt_claims claims = {.audience = JWT_AUDIENCE_API};

    (void)state;
    open_bench(&bench);
    struct jwt_claims wanted = claims_of(JWT_AUDIENCE_API);

    wanted.id = "an id";
    wanted.action = "snooze_1h";
    wanted.task_id = "a task";
    wanted.generation = 3;
    wanted.seq = 42;
    assert_true(jwt_verify(bench.keys, sign(&bench, &wanted), NOW_S * 1000, &bench.arena, &claims,
                           &bench.err));
    assert_string_equal(claims.subject, SUBJECT);
    assert_string_equal(claims.session_id, "a session");
    assert_string_equal(claims.id, "an id");
    assert_string_equal(claims.action, "snooze_1h");
    assert_string_equal(claims.task_id, "a task");
    assert_null(claims.reminder_id);
    assert_int_equal(claims.generation, 3);
    assert_int_equal(claims.seq, 42);
    assert_int_equal(claims.issued_at_s, NOW_S);
    assert_int_equal(claims.expires_at_s, NOW_S + 900);
    wanted = claims_of(JWT_AUDIENCE_API);
    assert_true(jwt_verify(bench.keys, sign(&bench, &wanted), NOW_S * 1000, &bench.arena, &claims,
                           &bench.err));
    assert_int_equal(claims.generation, 0);
    assert_int_equal(claims.seq, -1);
    assert_true(verify(&bench, forge(&bench, GOOD_HEADER, GOOD_BODY, KEY_1), NOW_S));
    close_bench(&bench);
}

static void test_a_token_expires_to_the_second(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench);
    const struct jwt_claims claims = claims_of(JWT_AUDIENCE_API);
    const char *token = sign(&bench, &claims);

    assert_true(verify(&bench, token, NOW_S + 899));
    assert_false(verify(&bench, token, NOW_S + 900));
    assert_string_equal(bench.err.slug, "token_expired");
    close_bench(&bench);
}

static void test_alg_none_is_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"typ\":\"JWT\"}",
        "{\"alg\":\"none\",\"kid\":\"k1\"}",
        "{\"alg\":\"None\",\"kid\":\"k1\"}",
        "{\"alg\":\"NONE\",\"kid\":\"k1\"}",
        "{\"kid\":\"k1\"}",
        "{\"alg\":null,\"kid\":\"k1\"}",
        "{\"alg\":\"\",\"kid\":\"k1\"}",
        "{\"alg\":[\"HS256\"],\"kid\":\"k1\"}",
        "{\"alg\":\"hs256\",\"kid\":\"k1\"}",
    };
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        refuse(&bench, forge(&bench, headers[i], GOOD_BODY, NULL));
        refuse(&bench, forge(&bench, headers[i], GOOD_BODY, KEY_1));
    }
    close_bench(&bench);
}

static void test_another_algorithm_is_refused(void **state)
{
    static const char *const words[] = {"HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA"};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        refuse(&bench,
               forge(&bench,
                     arena_format(&bench.arena, "{\"alg\":\"%s\",\"kid\":\"k1\"}", words[i]),
                     GOOD_BODY, KEY_1));
    close_bench(&bench);
}

static void test_a_wrong_kid_is_refused(void **state)
{
    static const char *const kids[] = {"\"k2\"", "\"k3\"",   "\"active\"", "\"\"",   "null",
                                       "1",      "[\"k1\"]", "\"K1\"",     "\"k1 \""};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++)
        refuse(&bench,
               forge(&bench, arena_format(&bench.arena, "{\"alg\":\"HS256\",\"kid\":%s}", kids[i]),
                     GOOD_BODY, KEY_1));
    refuse(&bench, forge(&bench, "{\"alg\":\"HS256\"}", GOOD_BODY, KEY_1));
    refuse(&bench, forge(&bench, GOOD_HEADER, GOOD_BODY, KEY_2));
    close_bench(&bench);
}

static void test_wrong_claims_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"aud\":\"ws\",\"iss\":\"todo\",\"exp\":1795259016,\"sub\":\"%s\"}",
        "{\"aud\":[\"api\"],\"iss\":\"todo\",\"exp\":1795259016,\"sub\":\"%s\"}",
        "{\"iss\":\"todo\",\"exp\":1795259016,\"sub\":\"%s\"}",
        "{\"aud\":\"api\",\"iss\":\"other\",\"exp\":1795259016,\"sub\":\"%s\"}",
        "{\"aud\":\"api\",\"exp\":1795259016,\"sub\":\"%s\"}",
        "{\"aud\":\"api\",\"iss\":\"todo\",\"sub\":\"%s\"}",
        "{\"aud\":\"api\",\"iss\":\"todo\",\"exp\":\"1795259016\",\"sub\":\"%s\"}",
        "{\"aud\":\"api\",\"iss\":\"todo\",\"exp\":-1,\"sub\":\"%s\"}",
        "{\"aud\":\"api\",\"iss\":\"todo\",\"exp\":1795259016,\"sub\":\"%sx\"}",
        "{\"aud\":\"api\",\"iss\":\"todo\",\"exp\":1795259016}",
        "[]",
        "null",
        "",
    };
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char body[256];
        const char *place = strstr(bodies[i], "%s");
        size_t n_before = place == NULL ? strlen(bodies[i]) : (size_t)(place - bodies[i]);

        memcpy(body, bodies[i], n_before);
        body[n_before] = '\0';
        if (place != NULL)
            strcat(strcat(body, SUBJECT), place + 2);
        refuse(&bench, forge(&bench, GOOD_HEADER, body, KEY_1));
    }
    close_bench(&bench);
}

/* Flip each bit that counts of a good token. The last character of the signature carries two bits
 * that no byte holds. */
static void test_a_tampered_token_is_refused(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench);
    const struct jwt_claims claims = claims_of(JWT_AUDIENCE_API);
    char *token = arena_copy_text(&bench.arena, sign(&bench, &claims));
    size_t n_bytes = strlen(token);

    for (size_t i = 0; i + 1 < n_bytes; i++) {
        char was = token[i];

        token[i] = was == 'A' ? 'B' : 'A';
        refuse(&bench, token);
        token[i] = was;
    }
    assert_true(verify(&bench, token, NOW_S));
    for (size_t n = 0; n < n_bytes; n += 7) {
        char was = token[n];

        token[n] = '\0';
        refuse(&bench, token);
        token[n] = was;
    }
    close_bench(&bench);
}

static void test_what_is_no_token_is_refused(void **state)
{
    static const char *const texts[] = {"",      ".",        "..",          "...",
                                        "a.b.c", "e30.e30.", "e30.e30.e30", "\xff.\xff.\xff"};
    struct bench bench;
    char large[JWT_TEXT_MAX + 100];

    (void)state;
    open_bench(&bench);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refuse(&bench, texts[i]);
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    large[10] = large[20] = '.';
    refuse(&bench, large);
    close_bench(&bench);
}

static void test_after_a_rotation_both_keys_verify_until_one_goes(void **state)
{
    struct secret_pair rotated[] = {{"k1", KEY_1}, {"active", "k2"}, {"k2", KEY_2}};
    struct secret_pair alone[] = {{"active", "k2"}, {"k2", KEY_2}};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    const struct jwt_claims claims = claims_of(JWT_AUDIENCE_API);
    const char *old = sign(&bench, &claims);

    assert_true(set_keys(&bench, rotated, 3));
    const char *new = sign(&bench, &claims);

    assert_string_not_equal(old, new);
    assert_true(verify(&bench, old, NOW_S) && verify(&bench, new, NOW_S));
    assert_true(set_keys(&bench, alone, 2));
    assert_true(verify(&bench, new, NOW_S));
    refuse(&bench, old);
    close_bench(&bench);
}

static void test_an_unusable_secret_leaves_the_old_keys(void **state)
{
    struct secret_pair no_active[] = {{"k1", KEY_1}};
    struct secret_pair unknown_active[] = {{"active", "k9"}, {"k1", KEY_1}};
    struct secret_pair short_key[] = {{"active", "k1"}, {"k1", "c2hvcnQ="}};
    struct secret_pair no_base64[] = {{"active", "k1"}, {"k1", "%%%"}};
    struct secret_pair *const bad[] = {no_active, unknown_active, short_key, no_base64};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    const struct jwt_claims claims = claims_of(JWT_AUDIENCE_API);
    const char *token = sign(&bench, &claims);

    for (size_t i = 0; i < 4; i++) {
        assert_false(set_keys(&bench, bad[i], i == 0 ? 1 : 2));
        assert_int_equal(bench.err.code, ERR_INVALID);
        assert_null(strstr(bench.err.text, KEY_1));
        assert_true(verify(&bench, token, NOW_S));
    }
    assert_false(set_keys(&bench, NULL, 0));
    close_bench(&bench);
}

static void test_without_keys_nothing_is_signed_or_verified(void **state)
{
    struct bench bench = {.keys = jwt_keys_new()};
    const struct jwt_claims claims = claims_of(JWT_AUDIENCE_API);
    const char *token = NULL;

    (void)state;
    arena_init(&bench.arena);
    assert_false(jwt_sign(bench.keys, &claims, &bench.arena, &token, &bench.err));
    assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
    assert_false(verify(&bench, forge(&bench, GOOD_HEADER, GOOD_BODY, KEY_1), NOW_S));
    assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_signed_is_verified),
        cmocka_unit_test(test_a_token_expires_to_the_second),
        cmocka_unit_test(test_alg_none_is_refused),
        cmocka_unit_test(test_another_algorithm_is_refused),
        cmocka_unit_test(test_a_wrong_kid_is_refused),
        cmocka_unit_test(test_wrong_claims_are_refused),
        cmocka_unit_test(test_a_tampered_token_is_refused),
        cmocka_unit_test(test_what_is_no_token_is_refused),
        cmocka_unit_test(test_after_a_rotation_both_keys_verify_until_one_goes),
        cmocka_unit_test(test_an_unusable_secret_leaves_the_old_keys),
        cmocka_unit_test(test_without_keys_nothing_is_signed_or_verified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

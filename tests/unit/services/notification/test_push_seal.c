/* tests/unit/services/notification/test_push_seal.c — the vectors of RFC 5869, RFC 8188 and RFC 8291. */
#include "services/notification/channels/push_seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <sodium.h>

/* RFC 8291, Appendix A */
static const char PLAIN[] = "When I grow up, I want to be a watermelon";
static const char OUR_PUBLIC[] =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A8";
static const char OUR_PRIVATE[] = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
static const char THEIR_PUBLIC[] =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
static const char THEIR_PRIVATE[] = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
static const char SALT[] = "DGv6ra1nlYgDCS1FRnbzlw";
static const char AUTH[] = "BTBZMqHH6r4Tts7J_aSIgg";
static const char SECRET[] = "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs";
static const char BODY[] =
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN";

static size_t decode(const char *text, unsigned char *bytes, size_t n_max)
{
    size_t n_bytes = 0;

    assert_int_equal(sodium_base642bin(bytes, n_max, text, strlen(text), NULL, &n_bytes, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    return n_bytes;
}

static void expect_bytes(const void *bytes, size_t n_bytes, const char *wanted)
{
    unsigned char decoded[512];

    assert_int_equal(decode(wanted, decoded, sizeof decoded), n_bytes);
    assert_memory_equal(bytes, decoded, n_bytes);
}

static EVP_PKEY *pair(const char *private_text, const char *public_text)
{
    unsigned char private[P256_PRIVATE_BYTES], point[P256_POINT_BYTES];

    decode(private_text, private, sizeof private);
    decode(public_text, point, sizeof point);
    return p256_pair(private, point);
}

static struct push_receiver receiver_of_the_rfc(void)
{
    struct push_receiver receiver;
    struct err err = {0};

    assert_true(push_read_receiver(THEIR_PUBLIC, AUTH, &receiver, &err));
    return receiver;
}

static void test_hkdf_gives_what_rfc_5869_says(void **state)
{
    static const unsigned char salt[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const unsigned char info[] = {0xF0, 0xF1, 0xF2, 0xF3, 0xF4,
                                         0xF5, 0xF6, 0xF7, 0xF8, 0xF9};
    unsigned char secret[22], out[32];
    const struct push_hkdf input = {salt, secret, info, sizeof salt, sizeof secret, sizeof info};

    (void)state;
    memset(secret, 0x0B, sizeof secret);
    assert_true(push_hkdf(&input, out, sizeof out));
    expect_bytes(out, sizeof out, "PLJfJfqs1XqQQ09k0DYvKi0tCpDPGlpMXbAtVuzExb8");
}

static void test_key_and_nonce_are_those_of_rfc_8188(void **state)
{
    unsigned char salt[16], secret[16], key[16], nonce[12];
    struct push_hkdf input = {.salt = salt, .secret = secret, .n_salt = 16, .n_secret = 16};

    (void)state;
    decode("I1BsxtFttlv3u_Oo94xnmw", salt, sizeof salt); /* §3.1 */
    decode("yqdlZ-tYemfogSmv7Ws5PQ", secret, sizeof secret);
    input.info = "Content-Encoding: aes128gcm";
    input.n_info = 28;
    assert_true(push_hkdf(&input, key, sizeof key));
    expect_bytes(key, sizeof key, "_wniytB-ofscZDh4tbSjHw");
    input.info = "Content-Encoding: nonce";
    input.n_info = 24;
    assert_true(push_hkdf(&input, nonce, sizeof nonce));
    expect_bytes(nonce, sizeof nonce, "Bcs8gkIRKLI8GeI8");
}

static void test_the_message_of_rfc_8291_comes_out_byte_for_byte(void **state)
{
    const struct push_receiver receiver = receiver_of_the_rfc();
    struct push_once once = {.key = pair(OUR_PRIVATE, OUR_PUBLIC)};
    struct err err = {0};
    struct buf body;

    (void)state;
    assert_non_null(once.key);
    decode(SALT, once.salt, sizeof once.salt);
    buf_init(&body);
    assert_true(push_seal(&receiver, &once, PLAIN, sizeof PLAIN - 1, &body, &err));
    expect_bytes(body.bytes, body.n_bytes, BODY);
    buf_clear(&body);
    EVP_PKEY_free(once.key);
}

static void test_both_sides_agree_on_the_secret_of_rfc_8291(void **state)
{
    EVP_PKEY *ours = pair(OUR_PRIVATE, OUR_PUBLIC), *theirs = pair(THEIR_PRIVATE, THEIR_PUBLIC);
    unsigned char secret[P256_PRIVATE_BYTES];

    (void)state;
    assert_true(p256_agree(ours, theirs, secret));
    expect_bytes(secret, sizeof secret, SECRET);
    assert_true(p256_agree(theirs, ours, secret));
    expect_bytes(secret, sizeof secret, SECRET);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}

static void test_each_message_has_a_key_and_a_salt_of_its_own(void **state)
{
    const struct push_receiver receiver = receiver_of_the_rfc();
    struct err err = {0};
    struct buf first, second;

    (void)state;
    buf_init(&first);
    buf_init(&second);
    assert_true(push_seal(&receiver, NULL, PLAIN, sizeof PLAIN - 1, &first, &err));
    assert_true(push_seal(&receiver, NULL, PLAIN, sizeof PLAIN - 1, &second, &err));
    assert_int_equal(first.n_bytes, 86 + sizeof PLAIN - 1 + 17);
    assert_int_equal(second.n_bytes, first.n_bytes);
    assert_memory_not_equal(first.bytes, second.bytes, 16);
    assert_memory_not_equal(first.bytes + 21, second.bytes + 21, 65);
    buf_clear(&first);
    buf_clear(&second);
}

static void test_the_largest_message_fills_the_body_and_one_byte_more_is_too_large(void **state)
{
    static const char plain[PUSH_PLAIN_MAX + 1];
    const struct push_receiver receiver = receiver_of_the_rfc();
    struct err err = {0};
    struct buf body;

    (void)state;
    buf_init(&body);
    assert_true(push_seal(&receiver, NULL, plain, PUSH_PLAIN_MAX, &body, &err));
    assert_int_equal(body.n_bytes, 4096);
    buf_reset(&body);
    assert_false(push_seal(&receiver, NULL, plain, PUSH_PLAIN_MAX + 1, &body, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_true(push_seal(&receiver, NULL, plain, 0, &body, &err));
    buf_clear(&body);
}

static void test_a_point_off_the_curve_is_refused(void **state)
{
    struct push_receiver receiver = receiver_of_the_rfc();
    struct err err = {0};
    struct buf body;

    (void)state;
    buf_init(&body);
    receiver.point[64] ^= 1;
    assert_false(push_seal(&receiver, NULL, PLAIN, 1, &body, &err));
    assert_int_equal(err.code, ERR_INVALID);
    memset(receiver.point, 0, sizeof receiver.point);
    assert_false(push_seal(&receiver, NULL, PLAIN, 1, &body, &err));
    receiver.point[0] = 4;
    assert_false(push_seal(&receiver, NULL, PLAIN, 1, &body, &err));
    receiver = receiver_of_the_rfc();
    receiver.point[0] = 6; /* hybrid form */
    assert_false(push_seal(&receiver, NULL, PLAIN, 1, &body, &err));
    assert_int_equal(body.n_bytes, 0);
    buf_clear(&body);
}

static void test_keys_are_read_with_padding_or_without_and_of_their_length_alone(void **state)
{
    struct push_receiver receiver;
    struct err err = {0};

    (void)state;
    assert_true(push_read_receiver(THEIR_PUBLIC, "BTBZMqHH6r4Tts7J_aSIgg==", &receiver, &err));
    assert_false(push_read_receiver(THEIR_PUBLIC, "BTBZMqHH6r4Tts7J_aSI", &receiver, &err));
    assert_false(push_read_receiver(THEIR_PUBLIC, "BTBZMqHH6r4Tts7J_aSIggAA", &receiver, &err));
    assert_false(push_read_receiver(THEIR_PUBLIC, "BTBZMqHH6r4Tts7J+aSIgg", &receiver, &err));
    assert_false(push_read_receiver(AUTH, AUTH, &receiver, &err));
    assert_false(push_read_receiver("", "", &receiver, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void test_halves_of_different_pairs_are_no_pair(void **state)
{
    (void)state;
    assert_null(pair(OUR_PRIVATE, THEIR_PUBLIC));
    assert_null(pair("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", OUR_PUBLIC));
    assert_null(pair("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE", OUR_PUBLIC)); /* the order */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hkdf_gives_what_rfc_5869_says),
        cmocka_unit_test(test_key_and_nonce_are_those_of_rfc_8188),
        cmocka_unit_test(test_the_message_of_rfc_8291_comes_out_byte_for_byte),
        cmocka_unit_test(test_both_sides_agree_on_the_secret_of_rfc_8291),
        cmocka_unit_test(test_each_message_has_a_key_and_a_salt_of_its_own),
        cmocka_unit_test(test_the_largest_message_fills_the_body_and_one_byte_more_is_too_large),
        cmocka_unit_test(test_a_point_off_the_curve_is_refused),
        cmocka_unit_test(test_keys_are_read_with_padding_or_without_and_of_their_length_alone),
        cmocka_unit_test(test_halves_of_different_pairs_are_no_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

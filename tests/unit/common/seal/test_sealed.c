/* tests/unit/common/seal/test_sealed.c — what is sealed opens again with its key, and with no other. */
#include "common/seal/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/dapr/secrets.h"

static const char KEY_1[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char KEY_2[] = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

struct bench {
    struct seal_keys *keys;
    struct arena arena;
    struct err err;
};

static bool set_keys(struct bench *bench, struct secret_pair *pairs, size_t n_pairs)
{
    const struct secret secret = {pairs, n_pairs};

    bench->err = (struct err){0};
    return seal_keys_set(bench->keys, &secret, &bench->err);
}

static int open_bench(void **state)
{
    static struct bench bench;
    struct secret_pair pairs[] = {{"active", "k1"}, {"k1", KEY_1}};

    bench = (struct bench){.keys = seal_keys_new()};
    arena_init(&bench.arena);
    assert_false(seal_keys_is_set(bench.keys));
    assert_true(set_keys(&bench, pairs, 2));
    assert_true(seal_keys_is_set(bench.keys));
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;

    arena_clear(&bench->arena);
    seal_keys_free(bench->keys);
    seal_keys_free(NULL);
    return 0;
}

static const char *seal(struct bench *bench, const char *text)
{
    const char *sealed = NULL;

    assert_true(seal_text(bench->keys, text, &bench->arena, &sealed, &bench->err));
    return sealed;
}

static void expect_opened(struct bench *bench, const char *sealed, const char *wanted)
{
    const char *text = NULL;

    if (!seal_open(bench->keys, sealed, &bench->arena, &text, &bench->err))
        fail_msg("%s: %s", sealed, bench->err.text);
    assert_string_equal(text, wanted);
}

static void expect_shut(struct bench *bench, const char *sealed)
{
    const char *text = NULL;

    bench->err = (struct err){0};
    if (seal_open(bench->keys, sealed, &bench->arena, &text, &bench->err))
        fail_msg("opened: %s", sealed);
    assert_int_equal(bench->err.code, ERR_INVALID);
    assert_null(text);
}

static void test_a_sealed_text_opens_again(void **state)
{
    static const char *const texts[] = {"", "a", "{\"url\":\"https://a.example/\"}", "ünïcode"};
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *sealed = seal(bench, texts[i]);

        assert_memory_equal(sealed, "k1.", 3);
        expect_opened(bench, sealed, texts[i]);
    }
}

static void test_the_same_text_is_sealed_anew_each_time(void **state)
{
    struct bench *bench = *state;

    assert_string_not_equal(seal(bench, "the same"), seal(bench, "the same"));
}

static void test_any_changed_character_keeps_it_shut(void **state)
{
    struct bench *bench = *state;
    char *sealed = arena_copy_text(&bench->arena, seal(bench, "a secret"));

    for (size_t i = 0; sealed[i] != '\0'; i++) {
        char was = sealed[i];

        sealed[i] = was == 'A' ? 'B' : 'A';
        expect_shut(bench, sealed);
        sealed[i] = was;
    }
    for (size_t n = strlen(sealed); n > 0; n--) {
        sealed[n - 1] = '\0';
        expect_shut(bench, sealed);
    }
}

static void test_what_is_none_stays_shut(void **state)
{
    static const char *const texts[] = {
        "",        ".",       "k1",
        "k1.",     "k1.AAAA", "k1.!!!!",
        "k2.AAAA", "..",      "k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_shut(bench, texts[i]);
}

static void test_a_rotation_opens_the_old_and_seals_with_the_new(void **state)
{
    struct secret_pair both[] = {{"k1", KEY_1}, {"active", "k2"}, {"k2", KEY_2}};
    struct secret_pair only_new[] = {{"active", "k2"}, {"k2", KEY_2}};
    struct bench *bench = *state;
    const char *old = seal(bench, "sealed before");

    assert_true(set_keys(bench, both, 3));
    expect_opened(bench, old, "sealed before");
    const char *new = seal(bench, "sealed after");

    assert_memory_equal(new, "k2.", 3);
    assert_true(set_keys(bench, only_new, 2));
    expect_opened(bench, new, "sealed after");
    expect_shut(bench, old);
}

static void test_an_unusable_secret_leaves_the_old_keys(void **state)
{
    static const struct {
        struct secret_pair pairs[2];
        size_t n_pairs;
    } cases[] = {
        {{{"active", "k3"}, {"k2", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}, 2},
        {{{"active", "k2"}, {"k2", "c2hvcnQ="}}, 2},
        {{{"active", "k2"}, {"k2", "not base64"}}, 2},
        {{{"active", "k.2"}, {"k.2", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}, 2},
        {{{"k2", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}, {NULL, NULL}}, 1},
    };
    struct bench *bench = *state;
    const char *sealed = seal(bench, "before");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secret_pair pairs[2] = {cases[i].pairs[0], cases[i].pairs[1]};

        assert_false(set_keys(bench, pairs, cases[i].n_pairs));
        assert_int_equal(bench->err.code, ERR_INVALID);
        assert_null(strstr(bench->err.text, "ICEi"));
        expect_opened(bench, sealed, "before");
    }
}

static void test_without_keys_trying_again_helps(void **state)
{
    struct seal_keys *keys = seal_keys_new();
    struct bench *bench = *state;
    const char *text = NULL;

    assert_false(seal_text(keys, "x", &bench->arena, &text, &bench->err));
    assert_int_equal(bench->err.code, ERR_UNAVAILABLE);
    assert_false(seal_open(keys, "k1.x", &bench->arena, &text, &bench->err));
    assert_int_equal(bench->err.code, ERR_UNAVAILABLE);
    seal_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_sealed_text_opens_again, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_the_same_text_is_sealed_anew_each_time, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_any_changed_character_keeps_it_shut, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_what_is_none_stays_shut, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_a_rotation_opens_the_old_and_seals_with_the_new,
                                        open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_an_unusable_secret_leaves_the_old_keys, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_without_keys_trying_again_helps, open_bench,
                                        close_bench),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

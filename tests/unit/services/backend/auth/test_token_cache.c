/* tests/unit/services/backend/auth/test_token_cache.c — verified tokens, bounded and forgotten. */
#include "services/backend/auth/token_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct uuid ADA = {"00000000-0000-7000-8000-00000000000a"};
static const struct uuid BOB = {"00000000-0000-7000-8000-00000000000b"};
static const struct uuid SESSION_1 = {"00000000-0000-7000-8000-000000000001"};
static const struct uuid SESSION_2 = {"00000000-0000-7000-8000-000000000002"};

static struct token_entry entry_of(const char *token, struct uuid user_id, struct uuid session_id)
{
    return (struct token_entry){.digest = token_digest(token),
                                .who = {user_id, session_id, SCOPE_ALL},
                                .expires_at = 1000,
                                .checked_at = 10};
}

static bool knows(const struct token_cache *cache, const char *token)
{
    const struct token_digest digest = token_digest(token);

    return token_cache_find(cache, &digest, 500) != NULL;
}

static struct token_cache *cache_of_three(void)
{
    struct token_cache *cache = token_cache_new(64);
    const struct token_entry entries[] = {
        entry_of("ada 1", ADA, SESSION_1),
        entry_of("ada 2", ADA, SESSION_2),
        entry_of("bob", BOB, SESSION_1),
    };

    for (size_t i = 0; i < 3; i++)
        token_cache_put(cache, &entries[i], 0);
    return cache;
}

static void test_a_token_is_known_until_it_expires(void **state)
{
    struct token_cache *cache = cache_of_three();
    const struct token_digest digest = token_digest("ada 1");

    (void)state;
    assert_string_equal(token_cache_find(cache, &digest, 999)->who.user_id.text, ADA.text);
    assert_null(token_cache_find(cache, &digest, 1000));
    assert_false(knows(cache, "ada 1 "));
    assert_false(knows(cache, ""));
    token_cache_free(cache);
}

static void test_a_second_check_replaces_the_first(void **state)
{
    struct token_cache *cache = cache_of_three();
    struct token_entry entry = entry_of("ada 1", ADA, SESSION_1);

    (void)state;
    entry.checked_at = 77;
    token_cache_put(cache, &entry, 0);
    assert_int_equal(token_cache_find(cache, &entry.digest, 500)->checked_at, 77);
    token_cache_drop_session(cache, &SESSION_1);
    assert_false(knows(cache, "ada 1"));
    token_cache_free(cache);
}

static void test_a_session_is_dropped_alone(void **state)
{
    struct token_cache *cache = cache_of_three();

    (void)state;
    token_cache_drop_session(cache, &SESSION_2);
    assert_true(knows(cache, "ada 1"));
    assert_false(knows(cache, "ada 2"));
    token_cache_free(cache);
}

static void test_a_user_is_dropped_but_for_one_session(void **state)
{
    struct token_cache *cache = cache_of_three();

    (void)state;
    token_cache_drop_user(cache, &ADA, &SESSION_2);
    assert_false(knows(cache, "ada 1"));
    assert_true(knows(cache, "ada 2"));
    assert_true(knows(cache, "bob"));
    token_cache_drop_user(cache, &ADA, NULL);
    assert_false(knows(cache, "ada 2"));
    token_cache_clear(cache);
    assert_false(knows(cache, "bob"));
    token_cache_free(cache);
}

static void test_what_old_keys_verified_is_not_kept(void **state)
{
    struct token_cache *cache = token_cache_new(64);
    const struct token_entry entry = entry_of("ada 1", ADA, SESSION_1);
    uint64_t before = token_cache_generation(cache);

    (void)state;
    token_cache_clear(cache);
    token_cache_put(cache, &entry, before);
    assert_false(knows(cache, "ada 1"));
    token_cache_put(cache, &entry, token_cache_generation(cache));
    assert_true(knows(cache, "ada 1"));
    token_cache_free(cache);
}

static void test_the_entry_checked_longest_ago_makes_room(void **state)
{
    struct token_cache *cache = token_cache_new(8);
    char token[32];

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(token, sizeof token, "token %d", i);
        struct token_entry entry = entry_of(token, ADA, SESSION_1);

        entry.checked_at = i;
        token_cache_put(cache, &entry, 0);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(token, sizeof token, "token %d", i);
        assert_int_equal(knows(cache, token), i >= 12);
    }
    token_cache_free(cache);
    token_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_known_until_it_expires),
        cmocka_unit_test(test_a_second_check_replaces_the_first),
        cmocka_unit_test(test_a_session_is_dropped_alone),
        cmocka_unit_test(test_a_user_is_dropped_but_for_one_session),
        cmocka_unit_test(test_what_old_keys_verified_is_not_kept),
        cmocka_unit_test(test_the_entry_checked_longest_ago_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

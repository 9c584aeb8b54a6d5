/* tests/unit/services/backend/domain/test_principal.c — scopes as words and as a mask. */
#include "services/backend/domain/principal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool read_words(const char **words, size_t n_words, unsigned *scopes, struct err *err)
{
    const struct json_texts list = {words, n_words};

    *err = (struct err){0};
    return scope_read(&list, scopes, err);
}

static void test_every_word_is_one_scope(void **state)
{
    const char *words[] = {"account:write", "tasks:read", "tasks:write", "account:read"};
    unsigned scopes = 0;
    struct err err;

    (void)state;
    assert_true(read_words(words, 4, &scopes, &err));
    assert_int_equal(scopes, SCOPE_TASKS_READ | SCOPE_TASKS_WRITE | SCOPE_ACCOUNT_READ |
                                 SCOPE_ACCOUNT_WRITE);
    assert_true(read_words(words, 1, &scopes, &err));
    assert_int_equal(scopes, SCOPE_ACCOUNT_WRITE);
}

static void test_no_word_gives_the_scope_of_a_session(void **state)
{
    const char *words[] = {"session", "", "tasks", "TASKS:READ", "tasks:read "};
    unsigned scopes = 7;
    struct err err;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_false(read_words(words + i, 1, &scopes, &err));
        assert_string_equal(err.fields[0].field, "scopes[0]");
        assert_int_equal(scopes, 7);
    }
    assert_string_equal(scope_word(SCOPE_SESSION), "session");
}

static void test_each_wrong_word_is_named_by_its_place(void **state)
{
    const char *words[] = {"tasks:read", "admin", "tasks:read"};
    unsigned scopes = 0;
    struct err err;

    (void)state;
    assert_false(read_words(words, 3, &scopes, &err));
    assert_int_equal(err.n_fields, 2);
    assert_string_equal(err.fields[0].field, "scopes[1]");
    assert_string_equal(err.fields[1].field, "scopes[2]");
    assert_string_equal(err.fields[1].text, "stands twice");
    assert_false(read_words(words, 0, &scopes, &err));
    assert_string_equal(err.fields[0].field, "scopes");
}

static void test_a_mask_is_listed_in_the_order_of_the_table(void **state)
{
    struct json_texts list;
    struct arena arena;

    (void)state;
    arena_init(&arena);
    list = scope_list(SCOPE_ACCOUNT_READ | SCOPE_TASKS_READ | SCOPE_SESSION, &arena);
    assert_int_equal(list.n_items, 2);
    assert_string_equal(list.items[0], "tasks:read");
    assert_string_equal(list.items[1], "account:read");
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_word_is_one_scope),
        cmocka_unit_test(test_no_word_gives_the_scope_of_a_session),
        cmocka_unit_test(test_each_wrong_word_is_named_by_its_place),
        cmocka_unit_test(test_a_mask_is_listed_in_the_order_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

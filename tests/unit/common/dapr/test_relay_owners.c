/* Which owners the relay leaves out: sets of a round, owners held for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/dapr/relay_owners.h"

static void write_owner(int number, char text[UUID_TEXT_SIZE])
{
    snprintf(text, UUID_TEXT_SIZE, "00000000-0000-7000-8000-%012d", number);
}

static void test_a_set_has_what_was_added_and_nothing_else(void **state)
{
    enum { N_OWNERS = 500 };
    static char ids[2 * N_OWNERS][UUID_TEXT_SIZE];
    struct arena arena;
    struct owner_set set;

    (void)state;
    arena_init(&arena);
    owner_set_init(&set, &arena, N_OWNERS);
    for (int i = 0; i < 2 * N_OWNERS; i++)
        write_owner(i, ids[i]);
    for (int i = 0; i < N_OWNERS; i++)
        owner_set_add(&set, ids[2 * i]);
    for (int i = 0; i < 2 * N_OWNERS; i++)
        assert_int_equal(owner_set_has(&set, ids[i]), i % 2 == 0);
    arena_clear(&arena);
}

static void test_an_empty_set_has_nothing(void **state)
{
    struct arena arena;
    struct owner_set set;
    char id[UUID_TEXT_SIZE];

    (void)state;
    arena_init(&arena);
    owner_set_init(&set, &arena, 0);
    write_owner(1, id);
    assert_false(owner_set_has(&set, id));
    arena_clear(&arena);
}

static void test_held_owners_are_listed_once(void **state)
{
    struct held_owners held = {0};
    const char *owners[HELD_OWNERS_MAX];
    char first[UUID_TEXT_SIZE], second[UUID_TEXT_SIZE];

    (void)state;
    write_owner(1, first);
    write_owner(2, second);
    assert_int_equal(held_owners_list(&held, owners), 0);
    assert_true(held_owners_add(&held, first));
    assert_true(held_owners_add(&held, second));
    assert_true(held_owners_add(&held, first));
    assert_int_equal(held_owners_list(&held, owners), 2);
    assert_string_equal(owners[0], first);
    assert_string_equal(owners[1], second);
}

static void test_there_is_room_for_so_many_held_owners(void **state)
{
    struct held_owners held = {0};
    char id[UUID_TEXT_SIZE];

    (void)state;
    for (int i = 0; i < HELD_OWNERS_MAX; i++) {
        write_owner(i, id);
        assert_true(held_owners_add(&held, id));
    }
    write_owner(HELD_OWNERS_MAX, id);
    assert_false(held_owners_add(&held, id));
    write_owner(0, id);
    assert_true(held_owners_add(&held, id));
}

static void test_the_wait_doubles_up_to_two_seconds(void **state)
{
    (void)state;
    for (int n_failures = 1; n_failures < 40; n_failures++) {
        int64_t most_ms = n_failures < 6 ? INT64_C(100) << (n_failures - 1) : 2000;
        int64_t wait_ms = relay_backoff_ms(n_failures);

        assert_in_range(wait_ms, most_ms / 2, most_ms);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_has_what_was_added_and_nothing_else),
        cmocka_unit_test(test_an_empty_set_has_nothing),
        cmocka_unit_test(test_held_owners_are_listed_once),
        cmocka_unit_test(test_there_is_room_for_so_many_held_owners),
        cmocka_unit_test(test_the_wait_doubles_up_to_two_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

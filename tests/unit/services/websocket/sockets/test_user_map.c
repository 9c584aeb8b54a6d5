#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/websocket/sockets/user_map.h"

enum { N_USERS = 5000 };

static struct uuid user_number(unsigned n)
{
    struct uuid id;

    snprintf(id.text, sizeof(id.text), "0190c9a0-0000-7000-8000-%012x", n);
    return id;
}

static void test_a_user_is_added_once(void **state)
{
    struct user_map *map = user_map_new();
    struct uuid ada = user_number(1);
    struct user *user = user_map_add(map, &ada);

    (void)state;
    assert_ptr_equal(user_map_add(map, &ada), user);
    assert_ptr_equal(user_map_find(map, &ada), user);
    assert_int_equal(user_map_count(map), 1);
    assert_true(TAILQ_EMPTY(&user->sockets));
    user_map_free(map);
}

static void test_many_users_are_all_found_and_stay_in_place(void **state)
{
    static struct user *users[N_USERS];
    struct user_map *map = user_map_new();

    (void)state;
    for (unsigned n = 0; n < N_USERS; n++) {
        struct uuid id = user_number(n);

        users[n] = user_map_add(map, &id);
    }
    for (unsigned n = 0; n < N_USERS; n++) {
        struct uuid id = user_number(n);

        assert_ptr_equal(user_map_find(map, &id), users[n]);
    }
    assert_int_equal(user_map_count(map), N_USERS);
    user_map_free(map);
}

static void test_a_removed_user_is_gone_and_the_others_are_not(void **state)
{
    struct user_map *map = user_map_new();

    (void)state;
    for (unsigned n = 0; n < N_USERS; n++) {
        struct uuid id = user_number(n);

        user_map_add(map, &id);
    }
    for (unsigned n = 0; n < N_USERS; n += 2) {
        struct uuid id = user_number(n);

        user_map_remove(map, user_map_find(map, &id));
    }
    for (unsigned n = 0; n < N_USERS; n++) {
        struct uuid id = user_number(n);

        assert_int_equal(user_map_find(map, &id) != NULL, n % 2);
    }
    assert_int_equal(user_map_count(map), N_USERS / 2);
    user_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_user_is_added_once),
        cmocka_unit_test(test_many_users_are_all_found_and_stay_in_place),
        cmocka_unit_test(test_a_removed_user_is_gone_and_the_others_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/websocket/domain/recent_seqs.h"

static struct uuid user_number(unsigned n)
{
    struct uuid id;

    snprintf(id.text, sizeof(id.text), "0190c9a0-0000-7000-8000-%012x", n);
    return id;
}

static void test_the_newest_seq_of_a_user_is_kept(void **state)
{
    struct recent_seqs *recent = recent_seqs_new(64);
    struct uuid ada = user_number(1), bob = user_number(2);

    (void)state;
    assert_int_equal(recent_seqs_find(recent, &ada), 0);
    recent_seqs_note(recent, &ada, 7);
    recent_seqs_note(recent, &ada, 5);
    assert_int_equal(recent_seqs_find(recent, &ada), 7);
    recent_seqs_note(recent, &ada, 8);
    assert_int_equal(recent_seqs_find(recent, &ada), 8);
    assert_int_equal(recent_seqs_find(recent, &bob), 0);
    recent_seqs_free(recent);
}

static void test_a_full_table_forgets_users_but_mixes_none_up(void **state)
{
    struct recent_seqs *recent = recent_seqs_new(64);

    (void)state;
    for (unsigned n = 1; n <= 1000; n++) {
        struct uuid user = user_number(n);

        recent_seqs_note(recent, &user, n);
        assert_int_equal(recent_seqs_find(recent, &user), n);
    }
    for (unsigned n = 1; n <= 1000; n++) {
        struct uuid user = user_number(n);
        int64_t seq = recent_seqs_find(recent, &user);

        assert_true(seq == 0 || seq == n);
    }
    recent_seqs_free(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_seq_of_a_user_is_kept),
        cmocka_unit_test(test_a_full_table_forgets_users_but_mixes_none_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

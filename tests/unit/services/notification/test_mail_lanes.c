/* tests/unit/services/notification/test_mail_lanes.c — the list of mail bindings, and who has which. */
#include "services/notification/channels/mail_lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_names_are_read(void **state)
{
    struct mail_lanes lanes;
    struct err err = {0};

    (void)state;
    assert_true(mail_lanes_read("mail", &lanes, &err));
    assert_int_equal(lanes.n_lanes, 1);
    assert_true(mail_lanes_read("mail,mail-2,other.one", &lanes, &err));
    assert_int_equal(lanes.n_lanes, 3);
    assert_string_equal(lanes.lanes[2].binding, "other.one");
}

static void test_lists_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ",",
        "mail,",
        "mail,,b",
        "mail, b",
        "mail/..",
        "a,b,a",
        "1,2,3,4,5,6,7,8,9",
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mail_lanes lanes;
        struct err err = {0};

        assert_false(mail_lanes_read(bad[i], &lanes, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, "MAIL_BINDINGS"));
    }
}

static void test_each_lane_is_taken_once(void **state)
{
    struct mail_lanes lanes;
    struct mail_lane *first, *second;
    struct err err = {0};

    (void)state;
    assert_true(mail_lanes_read("mail,mail-2", &lanes, &err));
    first = mail_lanes_take(&lanes);
    second = mail_lanes_take(&lanes);
    assert_ptr_not_equal(first, second);
    first->is_taken = false;
    assert_ptr_equal(mail_lanes_take(&lanes), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_read),
        cmocka_unit_test(test_lists_that_are_none_are_refused),
        cmocka_unit_test(test_each_lane_is_taken_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/server_fixture.h"

#define ID "019aa1b2-0000-7000-8000-00000000000a"

static void test_what_is_absent_stays_as_it_is(void **state)
{
    expect_answer(*state, "GET /query/optional", 200, "id=- limit=50.");
    expect_answer(*state, "GET /query/required", 400, "is missing");
}

static void test_an_id_is_read_in_either_case(void **state)
{
    expect_answer(*state, "GET /query/required?id=" ID, 200, "id=" ID " limit");
    expect_answer(*state, "GET /query/required?id=019AA1B2-0000-7000-8000-00000000000A", 200,
                  "id=" ID " limit");
}

static void test_a_number_is_read_within_its_range(void **state)
{
    expect_answer(*state, "GET /query/optional?limit=1", 200, "limit=1.");
    expect_answer(*state, "GET /query/optional?limit=200", 200, "limit=200.");
    expect_answer(*state, "GET /query/optional?limit=007", 200, "limit=7.");
}

static void test_what_is_none_is_named(void **state)
{
    static const char *const numbers[] = {
        "", "0", "201", "-1", "%2B1", "1.0", "x", "1x", "999999999999999999999999", "%",
    };
    char head[100];

    expect_answer(*state, "GET /query/optional?id=1", 400, "is not a UUID");
    expect_answer(*state, "GET /query/optional?id=%", 400, "\"field\":\"id\"");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(head, sizeof head, "GET /query/optional?limit=%s", numbers[i]);
        expect_answer(*state, head, 400, "\"field\":\"limit\"");
    }
    expect_answer(*state, "GET /query/optional?limit=201", 400,
                  "must be a whole number from 1 to 200");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, server_fixture_set_up, server_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_absent_stays_as_it_is),
        TEST(test_an_id_is_read_in_either_case),
        TEST(test_a_number_is_read_within_its_range),
        TEST(test_what_is_none_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

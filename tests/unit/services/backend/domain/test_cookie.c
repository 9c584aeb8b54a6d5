/* tests/unit/services/backend/domain/test_cookie.c — the refresh cookie, both ways, against
 * cookie.txt, and the origins that may act by it. */
#include "services/backend/domain/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/cookie.txt";
static const char OURS[] = "https://todo.example";

static void test_each_header_gives_the_value_of_the_table(void **state)
{
    struct arena arena;
    struct rows rows;

    (void)state;
    arena_init(&arena);
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 2)) {
        const char *value = cookie_find(rows.cells[0], COOKIE_REFRESH, &arena);
        const char *wanted = rows.cells[1];
        bool ok =
            strcmp(wanted, "!") == 0 ? value == NULL : value != NULL && strcmp(value, wanted) == 0;

        if (!ok)
            fail_msg("%s:%d: %s", rows.path, rows.line, value == NULL ? "none" : value);
    }
    assert_null(cookie_find(NULL, COOKIE_REFRESH, &arena));
    assert_null(cookie_find("", COOKIE_REFRESH, &arena));
    arena_clear(&arena);
}

static void test_the_cookie_is_for_the_session_paths_of_our_site_alone(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    assert_string_equal(cookie_write_refresh("abc", 60, true, &arena),
                        "todo_refresh=abc; Path=/api/v1/session; Max-Age=60; HttpOnly; "
                        "SameSite=Strict; Secure");
    assert_string_equal(cookie_write_refresh("", 0, false, &arena),
                        "todo_refresh=; Path=/api/v1/session; Max-Age=0; HttpOnly; "
                        "SameSite=Strict");
    arena_clear(&arena);
}

static void test_our_origin_and_no_browser_may_act_by_it(void **state)
{
    (void)state;
    assert_true(cookie_is_same_origin(OURS, NULL, OURS));
    assert_true(cookie_is_same_origin(OURS, "same-origin", "https://todo.example/"));
    assert_true(cookie_is_same_origin("HTTPS://Todo.Example", NULL, OURS));
    assert_true(cookie_is_same_origin(NULL, NULL, OURS));
    assert_true(cookie_is_same_origin(NULL, "none", OURS));
}

static void test_no_other_origin_may_act_by_it(void **state)
{
    static const char *const others[] = {
        "null",
        "",
        "http://todo.example",
        "https://todo.example:8443",
        "https://todo.example.evil.example",
        "https://evil.example/https://todo.example",
        "https://todo.exampl",
        "https://todo.example/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (cookie_is_same_origin(others[i], NULL, OURS))
            fail_msg("%s", others[i]);
    assert_false(cookie_is_same_origin(OURS, "cross-site", OURS));
    assert_false(cookie_is_same_origin(OURS, "same-site", OURS));
    assert_false(cookie_is_same_origin(NULL, "cross-site", OURS));
    assert_false(cookie_is_same_origin(NULL, "", OURS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_header_gives_the_value_of_the_table),
        cmocka_unit_test(test_the_cookie_is_for_the_session_paths_of_our_site_alone),
        cmocka_unit_test(test_our_origin_and_no_browser_may_act_by_it),
        cmocka_unit_test(test_no_other_origin_may_act_by_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/services/backend/domain/test_action_page.c — what links say, and what their pages say. */
#include "services/backend/domain/action_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "01a1fdb8-e8ee-7106-b9b2-765a4df47759"

static void test_a_link_says_one_action_on_one_task(void **state)
{
    const struct action_claims claims = {ID, "abc", "snooze_1h", ID, ID, 7};
    struct action_link link;
    struct task_snooze snooze;
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_true(action_link_read(&claims, &arena, &link, &err));
    assert_string_equal(link.key, "action:abc");
    assert_int_equal(action_link_op(&link, &snooze), TASK_SNOOZE);
    assert_int_equal(snooze.for_ms, 3600000);
    assert_false(snooze.to_morning);
    assert_string_equal(snooze.reminder_id.text, ID);
    assert_int_equal(snooze.generation, 7);
    arena_clear(&arena);
}

static void test_each_action_has_its_op(void **state)
{
    static const struct {
        const char *word;
        enum task_op op;
        int64_t for_ms;
        bool to_morning;
    } wanted[] = {
        {"complete", TASK_COMPLETE, 0, false},
        {"snooze_10m", TASK_SNOOZE, 600000, false},
        {"snooze_1h", TASK_SNOOZE, 3600000, false},
        {"snooze_tomorrow", TASK_SNOOZE, 0, true},
    };
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct action_claims claims = {ID, "j", wanted[i].word, ID, ID, 1};
        struct action_link link;
        struct task_snooze snooze;

        assert_true(action_link_read(&claims, &arena, &link, &err));
        assert_int_equal(action_link_op(&link, &snooze), wanted[i].op);
        assert_int_equal(snooze.for_ms, wanted[i].for_ms);
        assert_int_equal(snooze.to_morning, wanted[i].to_morning);
    }
    arena_clear(&arena);
}

static void test_what_is_missing_makes_no_link(void **state)
{
    static const struct action_claims bad[] = {
        {NULL, "j", "complete", ID, ID, 1},  {ID, NULL, "complete", ID, ID, 1},
        {ID, "", "complete", ID, ID, 1},     {ID, "j", NULL, ID, ID, 1},
        {ID, "j", "delete", ID, ID, 1},      {ID, "j", "complete", NULL, ID, 1},
        {ID, "j", "snooze_1h", ID, NULL, 1}, {"x", "j", "complete", ID, ID, 1},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct action_link link;
        struct err err = {0};

        assert_false(action_link_read(&bad[i], &arena, &link, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    arena_clear(&arena);
}

static void test_every_page_has_a_status_and_says_something(void **state)
{
    static const int wanted[] = {200, 200, 200, 409, 409, 404, 409, 410, 410, 404, 503, 500};
    struct buf out;

    (void)state;
    buf_init(&out);
    for (int i = ACTION_ASKS; i <= ACTION_FAILED; i++) {
        const struct action_page page = {.outcome = (enum action_outcome)i, .task_title = "x"};

        buf_reset(&out);
        action_page_write(&page, &out);
        assert_int_equal(action_page_status(&page), wanted[i]);
        assert_null(strstr(buf_text(&out), "(null)"));
        assert_non_null(strstr(buf_text(&out), "<h1>"));
        assert_int_equal(strstr(buf_text(&out), "<form") != NULL, i == ACTION_ASKS);
    }
    buf_clear(&out);
}

static void test_a_title_is_escaped(void **state)
{
    const struct action_page page = {.task_title = "<b>\"Tom & Jerry\"</b>"};
    struct buf out;

    (void)state;
    buf_init(&out);
    action_page_write(&page, &out);
    assert_non_null(strstr(buf_text(&out), ">&lt;b&gt;&quot;Tom &amp; Jerry&quot;&lt;/b&gt;</p>"));
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_link_says_one_action_on_one_task),
        cmocka_unit_test(test_each_action_has_its_op),
        cmocka_unit_test(test_what_is_missing_makes_no_link),
        cmocka_unit_test(test_every_page_has_a_status_and_says_something),
        cmocka_unit_test(test_a_title_is_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

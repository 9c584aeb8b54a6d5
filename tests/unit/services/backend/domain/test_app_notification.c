/* tests/unit/services/backend/domain/test_app_notification.c — what the app shows, and its cursor. */
#include "services/backend/domain/app_notification.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "01a1fdb8-e8ee-7106-b9b2-765a4df47759"

static void test_what_was_sent_is_shown(void **state)
{
    const struct notification sent = {.id = {ID},
                                      .kind = NOTIFICATION_DIGEST,
                                      .title = "3 tasks",
                                      .remind_at = INT64_C(1795258116000),
                                      .sent_at = INT64_C(1795258116334)};
    const struct app_notification shown = app_notification_make(&sent);
    struct arena arena;

    (void)state;
    arena_init(&arena);
    assert_string_equal(app_notification_write(&shown, &arena),
                        "{\"id\":\"" ID "\",\"kind\":\"digest\",\"task_id\":null,\"title\":"
                        "\"3 tasks\",\"remind_at\":\"2026-11-21T10:48:36.000Z\",\"created_at\":"
                        "\"2026-11-21T10:48:36.334Z\",\"read_at\":null}");
    arena_clear(&arena);
}

static void test_a_cursor_says_where_a_page_ended(void **state)
{
    const struct app_notification last = {.id = {ID}, .created_at = INT64_C(1795258116334)};
    struct app_notification_position position = {0};
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_true(
        app_notification_read_cursor(app_notification_cursor(&last, &arena), &position, &err));
    assert_int_equal(position.created_at, last.created_at);
    assert_string_equal(position.id.text, ID);
    arena_clear(&arena);
}

static void test_another_text_is_no_cursor(void **state)
{
    static const char *const bad[] = {
        "",       ".", "1", "1.", "." ID, "0." ID, "-1." ID, "1." ID "x", "1234567890123456." ID,
        "1 ." ID,
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct app_notification_position position = {0};
        struct err err = {0};

        assert_false(app_notification_read_cursor(bad[i], &position, &err));
        assert_string_equal(err.fields[0].field, "cursor");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_sent_is_shown),
        cmocka_unit_test(test_a_cursor_says_where_a_page_ended),
        cmocka_unit_test(test_another_text_is_no_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

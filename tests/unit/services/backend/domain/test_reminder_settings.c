/* tests/unit/services/backend/domain/test_reminder_settings.c — what may be set, against
 * reminder_settings.txt, and how it is stored. */
#include "services/backend/domain/reminder_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/reminder_settings.txt";

static bool apply(const char *text, struct arena *arena, struct buf *out, struct err *err)
{
    const struct json_reading reading = {.fields = reminder_settings_fields,
                                         .n_fields = reminder_settings_n_fields};
    struct reminder_settings settings = reminder_settings_initial;

    if (!json_read(text, strlen(text), &reading, arena, &settings, err) ||
        !reminder_settings_check(&settings, err))
        return false;
    reminder_settings_write(&settings, out);
    return true;
}

/* "!field a part of the reason" */
static bool is_refused_so(const char *wanted, const struct err *err)
{
    char field[ERR_FIELD_MAX];
    int n = 0;

    return sscanf(wanted, "!%47s %n", field, &n) == 1 && err->n_fields == 1 &&
           strcmp(err->fields[0].field, field) == 0 &&
           strstr(err->fields[0].text, wanted + n) != NULL;
}

static void test_each_is_stored_or_refused_as_the_table_says(void **state)
{
    struct arena arena;
    struct rows rows;
    struct buf out;

    (void)state;
    arena_init(&arena);
    buf_init(&out);
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 2)) {
        const char *wanted = rows.cells[1];
        struct err err = {0};

        buf_reset(&out);
        bool ok = apply(rows.cells[0], &arena, &out, &err);

        ok = wanted[0] == '!' ? !ok && is_refused_so(wanted, &err)
                              : ok && strcmp(buf_text(&out), wanted) == 0;
        if (!ok)
            fail_msg("%s:%d: %s %s: %s", rows.path, rows.line, buf_text(&out), err.fields[0].field,
                     err.text);
    }
    buf_clear(&out);
    arena_clear(&arena);
}

/* As jsonb gives it back: other order, spaces, and what an older or newer version wrote. */
static void test_what_is_stored_is_read_again(void **state)
{
    struct reminder_settings settings;
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_true(reminder_settings_read("{\"app\": false, \"digest_at\": \"08:00\", \"later\": 1}",
                                       &arena, &settings, &err));
    assert_false(settings.app);
    assert_true(settings.email);
    assert_string_equal(settings.digest_at, "08:00");
    assert_string_equal(settings.default_reminder, "PT0S");
    assert_false(reminder_settings_read("[]", &arena, &settings, &err));
    arena_clear(&arena);
}

static void test_each_setting_counts(void **state)
{
    struct reminder_settings others[8];
    const struct reminder_settings *initial = &reminder_settings_initial;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        others[i] = *initial;
    others[0].email = false;
    others[1].push = false;
    others[2].app = false;
    others[3].webhook = false;
    others[4].default_reminder = NULL;
    others[5].quiet_from = "22:00";
    others[6].quiet_until = "07:00";
    others[7].digest_at = "08:00";
    assert_true(reminder_settings_is_same(initial, initial));
    for (size_t i = 0; i < 8; i++) {
        assert_false(reminder_settings_is_same(initial, &others[i]));
        assert_false(reminder_settings_is_same(&others[i], initial));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_stored_or_refused_as_the_table_says),
        cmocka_unit_test(test_what_is_stored_is_read_again),
        cmocka_unit_test(test_each_setting_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/services/backend/domain/test_email.c — e-mail addresses, against email.txt. */
#include "services/backend/domain/email.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/email.txt";

static void test_each_address_is_kept_or_refused_as_the_table_says(void **state)
{
    struct arena arena;
    struct rows rows;

    (void)state;
    arena_init(&arena);
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 2)) {
        const char *email = NULL;
        const char *wanted = rows.cells[1];
        struct err err = {0};
        bool ok = email_normalise(rows.cells[0], &arena, &email, &err);

        if (wanted[0] == '!')
            ok = !ok && err.n_fields == 1 && strcmp(err.fields[0].field, "email") == 0 &&
                 strstr(err.fields[0].text, wanted + 1) != NULL;
        else
            ok = ok && strcmp(email, wanted) == 0;
        if (!ok)
            fail_msg("%s:%d: %s, %s", rows.path, rows.line, email == NULL ? "refused" : email,
                     err.text);
    }
    arena_clear(&arena);
}

static void test_an_address_beyond_254_bytes_is_refused(void **state)
{
    static const char label[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.";
    char text[300] = "ada@";
    const char *email = NULL;
    struct err err = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (int i = 0; i < 4; i++)
        strcat(text, label);
    memset(text + strlen(text), 'x', 254 - strlen(text));
    text[254] = '\0';
    assert_true(email_normalise(text, &arena, &email, &err));
    strcat(text, "x");
    assert_false(email_normalise(text, &arena, &email, &err));
    assert_string_equal(err.fields[0].text, "is 255 bytes long; at most 254");
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_address_is_kept_or_refused_as_the_table_says),
        cmocka_unit_test(test_an_address_beyond_254_bytes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

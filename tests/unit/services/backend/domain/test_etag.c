/* tests/unit/services/backend/domain/test_etag.c — entity tags, against etag.txt. */
#include "services/backend/domain/etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/etag.txt";

static void test_each_header_compares_as_the_table_says(void **state)
{
    static const char *const words[] = {
        [ETAG_MATCHES] = "matches", [ETAG_DIFFERS] = "differs", [ETAG_MALFORMED] = "malformed"};
    struct rows rows;

    (void)state;
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 3)) {
        const char *strong = words[etag_compare(rows.cells[0], 3, true)];
        const char *weak = words[etag_compare(rows.cells[0], 3, false)];

        if (strcmp(strong, rows.cells[1]) != 0 || strcmp(weak, rows.cells[2]) != 0)
            fail_msg("%s:%d: %s, %s", rows.path, rows.line, strong, weak);
    }
}

static void test_an_empty_header_is_malformed(void **state)
{
    (void)state;
    assert_int_equal(etag_compare("", 3, true), ETAG_MALFORMED);
    assert_int_equal(etag_compare(" \t", 3, true), ETAG_MALFORMED);
}

static void test_the_largest_version_fits(void **state)
{
    char text[ETAG_SIZE];

    (void)state;
    etag_write(INT64_MAX, text);
    assert_string_equal(text, "\"9223372036854775807\"");
    assert_int_equal(etag_compare(text, INT64_MAX, true), ETAG_MATCHES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_header_compares_as_the_table_says),
        cmocka_unit_test(test_an_empty_header_is_malformed),
        cmocka_unit_test(test_the_largest_version_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/base/test_uuid.c */
#include "common/base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_a_new_one_carries_the_time_and_the_version(void **state)
{
    struct uuid uuid = uuid_new(INT64_C(0x0123456789AB));

    (void)state;
    assert_true(uuid_is_valid(uuid.text));
    assert_memory_equal(uuid.text, "01234567-89ab-7", 15);
    assert_non_null(strchr("89ab", uuid.text[19]));
}

static void test_later_ones_sort_behind(void **state)
{
    struct uuid before = uuid_new(INT64_C(1795254360000));

    (void)state;
    for (int i = 1; i < 1000; i++) {
        struct uuid next = uuid_new(INT64_C(1795254360000) + i);

        assert_true(strcmp(before.text, next.text) < 0);
        before = next;
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct uuid *)a)->text, ((const struct uuid *)b)->text);
}

static void test_those_of_one_millisecond_differ(void **state)
{
    enum { N = 20000 };
    struct uuid *uuids = calloc(N, sizeof *uuids);

    (void)state;
    for (int i = 0; i < N; i++)
        uuids[i] = uuid_new(INT64_C(1795254360000));
    qsort(uuids, N, sizeof *uuids, compare);
    for (int i = 1; i < N; i++)
        assert_string_not_equal(uuids[i - 1].text, uuids[i].text);
    free(uuids);
}

/* Every one of the 74 random bits is seen both set and clear. */
static void test_every_random_bit_varies(void **state)
{
    unsigned ones[36] = {0}, zeros[36] = {0};

    (void)state;
    for (int n = 0; n < 200; n++) {
        struct uuid uuid = uuid_new(0);

        for (int i = 15; i < 36; i++) {
            unsigned digit = (unsigned)strtoul((char[]){uuid.text[i], '\0'}, NULL, 16);

            ones[i] |= digit;
            zeros[i] |= ~digit & 0xF;
        }
    }
    for (int i = 15; i < 36; i++) {
        unsigned free_bits = i == 18 || i == 23 ? 0 : i == 19 ? 0x3 : 0xF;

        assert_int_equal(ones[i] & free_bits, free_bits);
        assert_int_equal(zeros[i] & free_bits, free_bits);
    }
}

static void test_reading_lowers_the_case_and_refuses_all_else(void **state)
{
    static const char *const refused[] = {
        "",
        "0",
        "01234567-89ab-7def-8123-456789abcde",
        "01234567-89ab-7def-8123-456789abcdef0",
        "0123456789ab7def8123456789abcdef",
        "01234567x89ab-7def-8123-456789abcdef",
        "01234567-89ab-7def-8123-456789abcdeg",
        "{1234567-89ab-7def-8123-456789abcde}",
        "01234567-89ab-7def-8123-456789abcde\xC3",
    };
    struct uuid uuid = {"untouched"};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(uuid_read(refused[i], &uuid));
        assert_false(uuid_is_valid(refused[i]));
    }
    assert_false(uuid_read(NULL, &uuid));
    assert_string_equal(uuid.text, "untouched");
    assert_true(uuid_read("01234567-89AB-4dEF-0123-456789ABCDEF", &uuid));
    assert_string_equal(uuid.text, "01234567-89ab-4def-0123-456789abcdef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_one_carries_the_time_and_the_version),
        cmocka_unit_test(test_later_ones_sort_behind),
        cmocka_unit_test(test_those_of_one_millisecond_differ),
        cmocka_unit_test(test_every_random_bit_varies),
        cmocka_unit_test(test_reading_lowers_the_case_and_refuses_all_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

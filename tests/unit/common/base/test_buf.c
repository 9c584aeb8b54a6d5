/* tests/unit/common/base/test_buf.c */
#include "common/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_an_empty_buffer_reads_as_an_empty_text(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf);
    assert_string_equal(buf_text(&buf), "");
    buf_add(&buf, NULL, 0);
    assert_string_equal(buf_text(&buf), "");
    buf_clear(&buf);
}

static void test_all_ways_of_adding_end_with_a_nul(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf);
    buf_add_text(&buf, "a");
    buf_add_char(&buf, 'b');
    buf_add(&buf, "c\0d", 3);
    buf_format(&buf, "%d", 42);
    assert_int_equal(buf.n_bytes, 7);
    assert_memory_equal(buf.bytes, "abc\0d42", 8);
    buf_reset(&buf);
    assert_int_equal(buf.n_bytes, 0);
    assert_string_equal(buf_text(&buf), "");
    buf_clear(&buf);
}

static void test_it_grows_across_every_size(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf);
    for (size_t i = 0; i < 5000; i++) {
        buf_add_char(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.bytes[i + 1], 0);
        assert_true(buf.n_bytes < buf.capacity);
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buf.bytes[i], 'a' + i % 26);
    buf_format(&buf, "%0100000d", 1);
    assert_int_equal(buf.n_bytes, 105000);
    assert_int_equal(strlen(buf_text(&buf)), 105000);
    buf_clear(&buf);
    assert_string_equal(buf_text(&buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_buffer_reads_as_an_empty_text),
        cmocka_unit_test(test_all_ways_of_adding_end_with_a_nul),
        cmocka_unit_test(test_it_grows_across_every_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

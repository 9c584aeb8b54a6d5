#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "services/websocket/sockets/frame.h"

/* RFC 6455 §5.2: the shortest of the three lengths. */
static const struct {
    size_t n_payload;
    unsigned char header[10];
    size_t n_header;
} rows[] = {
    {0, {0x81, 0}, 2},
    {1, {0x81, 1}, 2},
    {125, {0x81, 125}, 2},
    {126, {0x81, 126, 0, 126}, 4},
    {65535, {0x81, 126, 0xff, 0xff}, 4},
    {65536, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10},
    {70000, {0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70}, 10},
};

static void test_each_length_has_the_shortest_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *payload = mem_new(rows[i].n_payload + 1);
        struct frame *frame;
        const unsigned char *bytes;
        size_t n_bytes;

        memset(payload, 'x', rows[i].n_payload);
        frame = frame_new(FRAME_TEXT, payload, rows[i].n_payload);
        bytes = frame_bytes(frame, &n_bytes);
        assert_int_equal(n_bytes, rows[i].n_header + rows[i].n_payload);
        assert_int_equal(frame_n_bytes(frame), n_bytes);
        assert_memory_equal(bytes, rows[i].header, rows[i].n_header);
        if (rows[i].n_payload > 0)
            assert_memory_equal(bytes + rows[i].n_header, payload, rows[i].n_payload);
        frame_unref(frame);
        mem_free(payload);
    }
}

static void test_a_close_carries_code_and_reason(void **state)
{
    struct frame *frame = frame_new_close(1013, "bye");
    size_t n_bytes;

    (void)state;
    assert_memory_equal(frame_bytes(frame, &n_bytes),
                        "\x88\x05\x03\xf5"
                        "bye",
                        7);
    assert_int_equal(n_bytes, 7);
    frame_unref(frame);
}

static void test_a_reason_that_is_too_long_is_cut_at_a_character(void **state)
{
    char reason[201] = "";
    struct frame *frame;
    const char *bytes;
    size_t n_bytes;

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(reason, "\xc3\xa4");
    frame = frame_new_close(1008, reason);
    bytes = frame_bytes(frame, &n_bytes);
    assert_int_equal(n_bytes, 2 + 2 + 122);
    assert_true(utf8_is_valid(bytes + 4, n_bytes - 4));
    frame_unref(frame);
}

static void test_a_frame_lives_as_long_as_its_last_owner(void **state)
{
    struct frame *frame = frame_new(FRAME_TEXT, "abc", 3);
    size_t n_bytes;

    (void)state;
    assert_ptr_equal(frame_ref(frame), frame);
    frame_unref(frame);
    assert_memory_equal(frame_bytes(frame, &n_bytes),
                        "\x81\x03"
                        "abc",
                        5);
    frame_unref(frame);
    frame_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_length_has_the_shortest_header),
        cmocka_unit_test(test_a_close_carries_code_and_reason),
        cmocka_unit_test(test_a_reason_that_is_too_long_is_cut_at_a_character),
        cmocka_unit_test(test_a_frame_lives_as_long_as_its_last_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

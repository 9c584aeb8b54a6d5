#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/websocket/sockets/frame.h"
#include "services/websocket/sockets/frame_queue.h"

static void test_frames_leave_in_the_order_they_came(void **state)
{
    struct frame *frames[100];
    struct frame_queue queue;
    size_t pushed = 0, popped = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        frames[i] = frame_new(FRAME_TEXT, "x", 1);
    frame_queue_init(&queue, 100, 1000000);
    while (popped < 100) { /* three in, two out: it grows and wraps */
        for (int i = 0; i < 3 && pushed < 100; i++)
            assert_true(frame_queue_push(&queue, frames[pushed++]));
        for (int i = 0; i < 2 && popped < pushed; i++) {
            struct frame *frame = frame_queue_pop(&queue);

            assert_ptr_equal(frame, frames[popped++]);
            frame_unref(frame);
        }
    }
    assert_null(frame_queue_pop(&queue));
    assert_int_equal(queue.n_bytes, 0);
    frame_queue_clear(&queue);
    for (int i = 0; i < 100; i++)
        frame_unref(frames[i]);
}

static void test_the_number_of_frames_is_limited(void **state)
{
    struct frame *frame = frame_new(FRAME_TEXT, "x", 1);
    struct frame_queue queue;

    (void)state;
    frame_queue_init(&queue, 3, 1000);
    for (int i = 0; i < 3; i++)
        assert_true(frame_queue_push(&queue, frame));
    assert_false(frame_queue_push(&queue, frame));
    frame_unref(frame_queue_pop(&queue));
    assert_true(frame_queue_push(&queue, frame));
    frame_queue_clear(&queue);
    frame_unref(frame);
}

static void test_the_bytes_are_limited_headers_included(void **state)
{
    struct frame *frame = frame_new(FRAME_TEXT, "12345678", 8); /* 10 on the wire */
    struct frame_queue queue;

    (void)state;
    frame_queue_init(&queue, 100, 29);
    assert_true(frame_queue_push(&queue, frame));
    assert_true(frame_queue_push(&queue, frame));
    assert_int_equal(queue.n_bytes, 20);
    assert_false(frame_queue_push(&queue, frame));
    assert_int_equal(queue.n_bytes, 20);
    assert_int_equal(queue.n_frames, 2);
    frame_queue_clear(&queue);
    frame_unref(frame);
}

static void test_a_cleared_queue_owns_nothing_and_works_again(void **state)
{
    struct frame *frame = frame_new(FRAME_TEXT, "x", 1);
    struct frame_queue queue;

    (void)state;
    frame_queue_init(&queue, 10, 1000);
    for (int i = 0; i < 10; i++)
        assert_true(frame_queue_push(&queue, frame));
    frame_queue_clear(&queue);
    assert_int_equal(queue.n_frames, 0);
    assert_true(frame_queue_push(&queue, frame));
    frame_queue_clear(&queue);
    frame_unref(frame); /* the last owner: a leak, or a use after free, would show */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_leave_in_the_order_they_came),
        cmocka_unit_test(test_the_number_of_frames_is_limited),
        cmocka_unit_test(test_the_bytes_are_limited_headers_included),
        cmocka_unit_test(test_a_cleared_queue_owns_nothing_and_works_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/common/base/test_arena.c */
#include "common/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_memory_is_zeroed_and_aligned_for_any_type(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t size = 0; size < 300; size++) {
        unsigned char *bytes = arena_new(&arena, size);

        assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xFF, size);
    }
    arena_clear(&arena);
}

/* Every block keeps its pattern, whatever comes after: none overlaps another. */
static void test_blocks_of_every_size_stay_apart(void **state)
{
    enum { N_BLOCKS = 400 };
    static const size_t sizes[] = {1, 15, 16, 17, 1000, 4000, 4096, 5000, 70000, 200000};
    unsigned char *blocks[N_BLOCKS];
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < N_BLOCKS; i++) {
        size_t size = sizes[i * 7 % 10];

        blocks[i] = arena_new(&arena, size);
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < N_BLOCKS; i++)
        for (size_t at = 0; at < sizes[i * 7 % 10]; at++)
            assert_int_equal(blocks[i][at], i % 251);
    arena_clear(&arena);
}

static void test_a_cleared_arena_may_be_used_again(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    arena_clear(&arena);
    assert_string_equal(arena_copy_text(&arena, "one"), "one");
    arena_clear(&arena);
    assert_null(arena.newest);
    assert_string_equal(arena_copy_text(&arena, "two"), "two");
    arena_clear(&arena);
}

static void test_texts_are_copied_and_formatted(void **state)
{
    struct arena arena;
    char bytes[] = {'a', '\0', 'b'};
    char *copy;

    (void)state;
    arena_init(&arena);
    assert_null(arena_copy_text(&arena, NULL));
    copy = arena_copy_bytes(&arena, bytes, sizeof bytes);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(arena_copy_bytes(&arena, NULL, 0), "");
    assert_string_equal(arena_format(&arena, "%s-%d", "x", 12), "x-12");
    copy = arena_format(&arena, "%05000d", 7);
    assert_int_equal(strlen(copy), 5000);
    arena_clear(&arena);
}

static void test_arrays_hold_all_their_items(void **state)
{
    struct arena arena;
    int64_t *numbers;

    (void)state;
    arena_init(&arena);
    numbers = ARENA_NEW_ARRAY(&arena, 10000, int64_t);
    for (int i = 0; i < 10000; i++)
        numbers[i] = i;
    assert_int_equal(numbers[9999], 9999);
    assert_non_null(ARENA_NEW_ARRAY(&arena, 0, int64_t));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_aligned_for_any_type),
        cmocka_unit_test(test_blocks_of_every_size_stay_apart),
        cmocka_unit_test(test_a_cleared_arena_may_be_used_again),
        cmocka_unit_test(test_texts_are_copied_and_formatted),
        cmocka_unit_test(test_arrays_hold_all_their_items),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

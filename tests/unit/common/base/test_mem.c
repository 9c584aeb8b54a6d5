/* tests/unit/common/base/test_mem.c */
#include "common/base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_new_memory_is_zeroed(void **state)
{
    char *block = mem_new(100);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    mem_free(block);
    mem_free(NULL);
}

static void test_nothing_is_a_block_too(void **state)
{
    void *blocks[] = {mem_new(0), mem_new_array(0, 8), mem_resize(NULL, 0, 1), mem_copy(NULL, 0)};

    (void)state;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        assert_non_null(blocks[i]);
        mem_free(blocks[i]);
    }
}

static void test_copies_are_equal_and_apart(void **state)
{
    const char text[] = "a text";
    char *copy = mem_copy_text(text);

    (void)state;
    assert_string_equal(copy, text);
    assert_ptr_not_equal(copy, text);
    mem_free(copy);
    assert_null(mem_copy_text(NULL));
}

static void test_resizing_keeps_the_content(void **state)
{
    int *numbers = mem_new_array(2, sizeof *numbers);

    (void)state;
    numbers[1] = 7;
    numbers = mem_resize(numbers, 1000, sizeof *numbers);
    assert_int_equal(numbers[1], 7);
    mem_free(numbers);
}

/* A product that wraps around is the one failure that can be made on any machine. */
static void test_an_impossible_size_is_logged_and_aborts(void **state)
{
    int ends[2];
    char line[300] = "";
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        mem_free(mem_resize(NULL, SIZE_MAX / 2, 4));
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "\"event\":\"memory_exhausted\""));
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_memory_is_zeroed),
        cmocka_unit_test(test_nothing_is_a_block_too),
        cmocka_unit_test(test_copies_are_equal_and_apart),
        cmocka_unit_test(test_resizing_keeps_the_content),
        cmocka_unit_test(test_an_impossible_size_is_logged_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

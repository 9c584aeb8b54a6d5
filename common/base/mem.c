#include "common/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"

/* No struct log reaches this far down; the line has the same shape. */
static _Noreturn void fail(size_t count, size_t size)
{
    char at[CLOCK_TEXT_MAX];
    char line[200];
    int length;

    clock_write(clock_now_ms(), at);
    length = snprintf(line, sizeof line,
                      "{\"ts\":\"%s\",\"level\":\"error\",\"event\":\"memory_exhausted\","
                      "\"count\":%zu,\"bytes\":%zu}\n",
                      at, count, size);
    if (length < 0 || write(STDERR_FILENO, line, (size_t)length) < 0)
        abort(); /* nobody to tell */
    abort();
}

void *mem_new(size_t size)
{
    return mem_new_array(1, size);
}

void *mem_new_array(size_t count, size_t size)
{
    void *block = calloc(count, size); /* checks the product */

    if (block == NULL) {
        if (count != 0 && size != 0)
            fail(count, size);
        block = calloc(1, 1);
        if (block == NULL)
            fail(1, 1);
    }
    return block;
}

void *mem_resize(void *old, size_t count, size_t size)
{
    void *block;
    size_t n_bytes;

    if (__builtin_mul_overflow(count, size, &n_bytes))
        fail(count, size);
    block = realloc(old, n_bytes > 0 ? n_bytes : 1);
    if (block == NULL)
        fail(count, size);
    return block;
}

char *mem_copy_text(const char *text)
{
    return text == NULL ? NULL : mem_copy(text, strlen(text) + 1);
}

void *mem_copy(const void *bytes, size_t n_bytes)
{
    void *copy = mem_resize(NULL, n_bytes, 1);

    if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    return copy;
}

void mem_free(void *block)
{
    free(block);
}

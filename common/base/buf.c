#include "common/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

enum { BUF_FIRST_CAPACITY = 256 };

void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    mem_free(buf->bytes);
    buf_init(buf);
}

void buf_reset(struct buf *buf)
{
    buf->n_bytes = 0;
    if (buf->bytes != NULL)
        buf->bytes[0] = '\0';
}

/* Make room for `n_bytes` more and their NUL; doubling keeps the copies linear in the whole. */
static void reserve(struct buf *buf, size_t n_bytes)
{
    size_t wanted, capacity;

    assert(n_bytes < SIZE_MAX / 4);
    wanted = buf->n_bytes + n_bytes + 1;
    if (wanted <= buf->capacity)
        return;
    capacity = buf->capacity > 0 ? buf->capacity : BUF_FIRST_CAPACITY;
    while (capacity < wanted)
        capacity *= 2;
    buf->bytes = mem_resize(buf->bytes, capacity, 1);
    buf->capacity = capacity;
}

void buf_add(struct buf *buf, const void *bytes, size_t n_bytes)
{
    reserve(buf, n_bytes);
    if (n_bytes > 0)
        memcpy(buf->bytes + buf->n_bytes, bytes, n_bytes);
    buf->n_bytes += n_bytes;
    buf->bytes[buf->n_bytes] = '\0';
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    reserve(buf, 1);
    buf->bytes[buf->n_bytes++] = c;
    buf->bytes[buf->n_bytes] = '\0';
}

void buf_format(struct buf *buf, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    reserve(buf, (size_t)length);
    va_start(args, format);
    vsnprintf(buf->bytes + buf->n_bytes, (size_t)length + 1, format, args);
    va_end(args);
    buf->n_bytes += (size_t)length;
}

const char *buf_text(const struct buf *buf)
{
    return buf->bytes == NULL ? "" : buf->bytes;
}

/* common/base/buf.h — a growing run of bytes, always followed by a NUL: bodies, JSON, log lines. */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stddef.h>

#include "common/base/err.h"

struct buf {
    char *bytes; /* NULL while empty; owned */
    size_t n_bytes;
    size_t capacity;
};

void buf_init(struct buf *buf);
void buf_clear(struct buf *buf); /* frees; may be used again */
void buf_reset(struct buf *buf); /* empties, keeps the memory */
void buf_add(struct buf *buf, const void *bytes, size_t n_bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
const char *buf_text(const struct buf *buf); /* "" while empty; borrowed until the next change */

#endif

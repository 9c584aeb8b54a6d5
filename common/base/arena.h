/* common/base/arena.h — what one request makes dies with the request: no single frees.
 * A bump allocator over a chain of blocks; the first block is allocated with the first use. */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "common/base/err.h"

struct arena_block;
struct arena {
    struct arena_block *newest; /* NULL: empty */
};

void arena_init(struct arena *arena);
void arena_clear(struct arena *arena); /* frees all; may be used again */

void *arena_new(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_new_array(struct arena *arena, size_t count, size_t size);
#define ARENA_NEW(arena, type) ((type *)arena_new((arena), sizeof(type)))
#define ARENA_NEW_ARRAY(arena, count, type)                                                        \
    ((type *)arena_new_array((arena), (count), sizeof(type)))

char *arena_copy_text(struct arena *arena, const char *text); /* NULL stays NULL */
char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t n_bytes); /* a NUL follows */
char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif

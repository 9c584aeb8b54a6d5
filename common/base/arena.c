#include "common/base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

/* Under AddressSanitizer what is not handed out is poisoned and allocations lie apart, so that a
 * write past one's end is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_HAS_ASAN 1
#endif
#endif
#ifdef ARENA_HAS_ASAN
#include <sanitizer/asan_interface.h>
enum { ARENA_GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(at, n_bytes) ((void)(at), (void)(n_bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, n_bytes) ((void)(at), (void)(n_bytes))
enum { ARENA_GAP = 0 };
#endif

enum {
    ARENA_ALIGN = _Alignof(max_align_t),
    ARENA_BLOCK_MIN = 4096 - 64, /* a page with malloc's and our head */
    ARENA_BLOCK_MAX = 64 * 1024,
};

struct arena_block {
    struct arena_block *older;
    size_t capacity, n_used;
    _Alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena)
{
    arena->newest = NULL;
}

void arena_clear(struct arena *arena)
{
    struct arena_block *block = arena->newest;

    while (block != NULL) {
        struct arena_block *older = block->older;

        ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->capacity);
        mem_free(block);
        block = older;
    }
    arena->newest = NULL;
}

static struct arena_block *new_block(size_t capacity)
{
    struct arena_block *block = mem_resize(NULL, 1, sizeof *block + capacity);

    block->older = NULL;
    block->capacity = capacity;
    block->n_used = 0;
    ASAN_POISON_MEMORY_REGION(block->bytes, capacity);
    return block;
}

/* What is large gets a block of its own behind the newest, whose rest stays in use. */
static struct arena_block *block_with_room(struct arena *arena, size_t n_bytes)
{
    struct arena_block *newest = arena->newest;
    struct arena_block *block;
    size_t capacity;

    if (newest != NULL && newest->capacity - newest->n_used >= n_bytes)
        return newest;
    if (newest != NULL && n_bytes > newest->capacity / 2) {
        block = new_block(n_bytes);
        block->older = newest->older;
        newest->older = block;
        return block;
    }
    capacity = newest == NULL ? ARENA_BLOCK_MIN : newest->capacity * 2;
    if (capacity > ARENA_BLOCK_MAX)
        capacity = ARENA_BLOCK_MAX;
    if (capacity < n_bytes)
        capacity = n_bytes;
    block = new_block(capacity);
    block->older = newest;
    arena->newest = block;
    return block;
}

static void *take_bytes(struct arena *arena, size_t size)
{
    struct arena_block *block;
    size_t n_bytes;
    void *bytes;

    assert(size < SIZE_MAX / 2); /* sizes have been limited before */
    n_bytes = (size + ARENA_GAP + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    block = block_with_room(arena, n_bytes);
    bytes = block->bytes + block->n_used;
    block->n_used += n_bytes;
    ASAN_UNPOISON_MEMORY_REGION(bytes, size);
    return bytes;
}

void *arena_new(struct arena *arena, size_t size)
{
    return memset(take_bytes(arena, size), 0, size);
}

void *arena_new_array(struct arena *arena, size_t count, size_t size)
{
    size_t n_bytes;
    bool overflows = __builtin_mul_overflow(count, size, &n_bytes);

    assert(!overflows);
    (void)overflows;
    return arena_new(arena, n_bytes);
}

char *arena_copy_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_copy_bytes(arena, text, strlen(text));
}

char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t n_bytes)
{
    char *copy = take_bytes(arena, n_bytes + 1);

    if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    int length;
    char *text;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    text = take_bytes(arena, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

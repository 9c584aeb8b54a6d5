/* common/base/mem.h — allocation that does not fail: it logs and aborts, the pod restarts.
 * So whatever sizes an allocation has been limited before. */
#ifndef COMMON_BASE_MEM_H
#define COMMON_BASE_MEM_H

#include <stddef.h>

/** Return `size` zeroed bytes; free with mem_free. */
void *mem_new(size_t size);

/** Return `count * size` zeroed bytes, overflow checked. */
void *mem_new_array(size_t count, size_t size);

/** Resize to `count * size` bytes; what is new is not zeroed. */
void *mem_resize(void *old, size_t count, size_t size);

char *mem_copy_text(const char *text); /* NULL stays NULL */
void *mem_copy(const void *bytes, size_t n_bytes);
void mem_free(void *block); /* NULL is fine */

#define MEM_NEW(type) ((type *)mem_new(sizeof(type)))

#endif

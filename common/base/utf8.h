/* common/base/utf8.h — UTF-8 as RFC 3629 has it: no surrogates, no over-long forms. */
#ifndef COMMON_BASE_UTF8_H
#define COMMON_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const char *bytes, size_t n_bytes);

/** Return the number of bytes of the character that begins at `bytes`, 0 when none valid does. */
size_t utf8_length_at(const char *bytes, size_t n_bytes);

/** Return the number of code points of valid UTF-8. */
size_t utf8_count(const char *text);

#endif

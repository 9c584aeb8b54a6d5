/* common/net/percent.h — percent-decoding of path segments and query parts (RFC 3986 §2.1). */
#ifndef COMMON_NET_PERCENT_H
#define COMMON_NET_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

enum percent_mode { PERCENT_PATH, PERCENT_FORM }; /* FORM: "+" is a space */

/** Decode `n_bytes` of `text` into `out`, which has room for one byte more (a NUL follows). Return
 *  what is wrong with it ("has a bad escape", static), or NULL: escapes must be whole, and the
 *  result valid UTF-8 without NUL. */
const char *percent_decode(const char *text, size_t n_bytes, enum percent_mode mode, char *out);

#endif

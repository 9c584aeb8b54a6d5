/* common/json/json_scan.h — check a text against RFC 8259, strictly, and walk its parts.
 *
 * cJSON is lenient (numbers, control characters, lone surrogates, invalid UTF-8) and turns numbers
 * into doubles; so a text is checked here first, and what is needed exactly as it was written is
 * taken from here. For this folder alone. */
#ifndef COMMON_JSON_JSON_SCAN_H
#define COMMON_JSON_JSON_SCAN_H

#include <stddef.h>

#include "common/base/err.h"

/** A value in the text, without the whitespace around it. Borrowed from the text. */
struct json_slice {
    const char *text;
    size_t n_bytes;
};

/** Check that the text is one value and nothing else; `*value` gets it. Beyond the grammar refuse
 *  invalid UTF-8, the escape \u0000, lone surrogates and more than JSON_DEPTH_MAX levels. On failure
 *  set ERR_INVALID naming the offset of the byte, counted from 0. */
MUST_CHECK bool json_scan_check(const char *text, size_t n_bytes, struct json_slice *value,
                                struct err *err);

/** Walks the members of an object or the items of an array that has been checked. */
struct json_walk {
    const char *at;
};

/** Stand before the first part of an object or array. */
struct json_walk json_walk_begin(struct json_slice value);

/** Yield the next part; `key` (an object's; NULL for arrays) with its quotes. False at the end. */
bool json_walk_next(struct json_walk *walk, struct json_slice *key, struct json_slice *value);

/** Return "an object", "an array", "a text", "a number", "true or false", "null". */
const char *json_slice_kind(struct json_slice value);

#endif

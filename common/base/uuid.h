/* common/base/uuid.h — UUIDs in their text form (RFC 9562): version 7, ordered by time. */
#ifndef COMMON_BASE_UUID_H
#define COMMON_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT_SIZE = 37 }; /* 36 characters and a NUL */

struct uuid {
    char text[UUID_TEXT_SIZE]; /* lower case; "" is none */
};

/** Return a new version 7 UUID of the wall clock `now_ms` and 74 random bits. */
struct uuid uuid_new(int64_t now_ms);

/** Return whether `text` is a UUID in the 8-4-4-4-12 form, either case, any version. */
bool uuid_is_valid(const char *text);

/** Read one, lowering its case. Leave `*uuid` untouched and return false when it is none. */
bool uuid_read(const char *text, struct uuid *uuid);

#endif

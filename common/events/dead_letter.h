/* common/events/dead_letter.h — what a consumer could never handle, with why: the data of
 * dead-letter. */
#ifndef COMMON_EVENTS_DEAD_LETTER_H
#define COMMON_EVENTS_DEAD_LETTER_H

#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

struct dead_letter {
    const char *consumer; /* app id */
    const char *topic;
    const char *reason;
    const char *event;     /* the original's JSON text, unchanged: a JSON string on the wire */
    const char *event_b64; /* its bytes in base64 when it is not JSON; one of the two is NULL */
};

void dead_letter_write(const struct dead_letter *letter, struct buf *out);
MUST_CHECK bool dead_letter_read(const char *text, size_t n_bytes, struct arena *arena,
                                 struct dead_letter *letter, struct err *err);

#endif

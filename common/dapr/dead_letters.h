/* common/dapr/dead_letters.h — write what this service can never handle to the topic dead-letters:
 * through its outbox, or straight when it has no database. */
#ifndef COMMON_DAPR_DEAD_LETTERS_H
#define COMMON_DAPR_DEAD_LETTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/dapr/dapr.h"

struct pg_pool;
struct relay;

enum { DEAD_LETTER_ORIGINAL_MAX = 256 * 1024 }; /* bytes kept of one; no event of ours is as long */

struct dead_letters {
    struct dapr *dapr;
    const char *pubsub;
    struct pg_pool *pool; /* NULL: publish straight */
    struct relay *relay;  /* woken; may be NULL */
};

/** What came, from where, and why it cannot be handled. */
struct dead_letter_case {
    const char *topic, *reason;
    const char *body; /* as it came */
    size_t n_bytes;
    bool is_unowned; /* the letter's owner is the nil UUID, whosever the event is */
};

/** Of what belongs to nobody. */
#define DEAD_LETTER_NO_OWNER "00000000-0000-0000-0000-000000000000"

/** Write the letter. Its id is made from consumer, topic and bytes, so that the same event, delivered
 *  twice, makes one letter; its owner is the event's, or the nil UUID where that cannot be
 *  read or is not wanted.
 *  Borrow all, with `arena`, until `done`, which runs once, never before returning: NULL err
 *  means that the letter is safe. */
void dead_letters_add(const struct dead_letters *letters, const struct dead_letter_case *about,
                      struct arena *arena, dapr_done_fn *done, void *arg);

#endif

/* services/websocket/domain/seq_window.h — which of a user's updates have been seen: delivery is at
 * least once and may be out of order, a frame is sent once. Remembers the last SEQ_WINDOW numbers. */
#ifndef SERVICES_WEBSOCKET_DOMAIN_SEQ_WINDOW_H
#define SERVICES_WEBSOCKET_DOMAIN_SEQ_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { SEQ_WINDOW = 1024 };

struct seq_window {
    int64_t newest;                 /* 0: nothing seen yet */
    uint64_t seen[SEQ_WINDOW / 64]; /* bit seq % SEQ_WINDOW */
};

/** Note that everything up to `seq` is known elsewhere, without having been seen here. */
void seq_window_raise(struct seq_window *window, int64_t seq);

/** Return whether `seq` (positive) is new, and note it. One that is too old to tell counts as new:
 *  a browser orders by seq and bears a repetition, but not a loss. */
bool seq_window_add(struct seq_window *window, int64_t seq);

#endif

#include "services/websocket/domain/seq_window.h"

#include <string.h>

static uint64_t *word_of(struct seq_window *window, int64_t seq)
{
    return &window->seen[seq % SEQ_WINDOW / 64];
}

static uint64_t bit_of(int64_t seq)
{
    return UINT64_C(1) << (seq % 64);
}

void seq_window_raise(struct seq_window *window, int64_t seq)
{
    if (seq <= window->newest)
        return;
    if (seq - window->newest >= SEQ_WINDOW) {
        memset(window->seen, 0, sizeof(window->seen));
    } else {
        for (int64_t passed = seq; passed > window->newest; passed--)
            *word_of(window, passed) &= ~bit_of(passed);
    }
    window->newest = seq;
}

bool seq_window_add(struct seq_window *window, int64_t seq)
{
    bool was_seen;

    if (window->newest - seq >= SEQ_WINDOW)
        return true;
    seq_window_raise(window, seq);
    was_seen = *word_of(window, seq) & bit_of(seq);
    *word_of(window, seq) |= bit_of(seq);
    return !was_seen;
}

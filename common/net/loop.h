/* common/net/loop.h — the one event loop of a process: timers, deferred calls, signals, drain. */
#ifndef COMMON_NET_LOOP_H
#define COMMON_NET_LOOP_H

#include <stdint.h>

#include "common/base/err.h"

/* It belongs to one thread: another one wakes it through an eventfd that it watches. */
struct event_base;
struct loop;
struct loop_timer;

typedef void loop_fn(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop *loop);
struct event_base *loop_base(struct loop *loop); /* for adapters alone */

/** Run until loop_stop. SIGTERM and SIGINT call `on_term` once; a second one stops at once.
 *  SIGPIPE is ignored. */
void loop_run(struct loop *loop, loop_fn *on_term, void *arg);
void loop_stop(struct loop *loop);

/** Call `fn` in the next turn, never before returning. Deferred calls run in order. */
void loop_defer(struct loop *loop, loop_fn *fn, void *arg);

/** A timer, idle at first. Owned by the caller; freeing one cancels it. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_free(struct loop_timer *timer);                 /* NULL is fine */
void loop_timer_start(struct loop_timer *timer, int64_t in_ms); /* once; restarts a running one */
void loop_timer_stop(struct loop_timer *timer);

#endif

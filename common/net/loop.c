#include "common/net/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>

#include "common/base/mem.h"

/* Deferred calls wait in a ring; one event runs those that were there when it began. */
struct deferred {
    loop_fn *fn;
    void *arg;
};

struct loop {
    struct event_base *base;
    struct event *run_deferred;
    struct deferred *deferred; /* ring; capacity is a power of two, or 0 */
    size_t capacity, first, n_deferred;
    bool is_running_deferred;
    struct event *signals[2];
    loop_fn *on_term;
    void *on_term_arg;
};

struct loop_timer {
    struct event *event;
    loop_fn *fn;
    void *arg;
};

static const int stop_signals[2] = {SIGTERM, SIGINT};

static struct timeval timeval_of_ms(int64_t ms)
{
    if (ms < 0)
        ms = 0;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* What is deferred from within a deferred call waits for the next turn of the base, so that it
 * cannot keep the sockets waiting. */
static void schedule_deferred(struct loop *loop)
{
    struct timeval at_once = {0, 0};

    if (loop->is_running_deferred)
        event_add(loop->run_deferred, &at_once);
    else
        event_active(loop->run_deferred, EV_TIMEOUT, 0);
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    size_t n = loop->n_deferred;

    (void)fd;
    (void)what;
    loop->is_running_deferred = true;
    for (; n > 0; n--) {
        struct deferred next = loop->deferred[loop->first];

        loop->first = (loop->first + 1) & (loop->capacity - 1);
        loop->n_deferred--;
        next.fn(next.arg);
    }
    if (loop->n_deferred > 0)
        schedule_deferred(loop);
    loop->is_running_deferred = false;
}

struct loop *loop_new(void)
{
    struct loop *loop = MEM_NEW(struct loop);
    struct event_config *config = event_config_new();

    assert(config);
    /* evhttp stops and starts reading around each request: batched, that is one epoll_ctl and
     * often none. Safe where no descriptor that is watched gets dup'ed. */
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    assert(loop->base);
    loop->run_deferred = evtimer_new(loop->base, on_deferred, loop);
    assert(loop->run_deferred);
    signal(SIGPIPE, SIG_IGN);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    event_free(loop->run_deferred);
    event_base_free(loop->base);
    mem_free(loop->deferred);
    mem_free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct loop *loop = arg;
    loop_fn *on_term = loop->on_term;

    (void)number;
    (void)what;
    loop->on_term = NULL;
    if (on_term)
        on_term(loop->on_term_arg);
    else
        loop_stop(loop);
}

void loop_run(struct loop *loop, loop_fn *on_term, void *arg)
{
    loop->on_term = on_term;
    loop->on_term_arg = arg;
    for (int i = 0; i < 2; i++) {
        loop->signals[i] = evsignal_new(loop->base, stop_signals[i], on_signal, loop);
        event_add(loop->signals[i], NULL);
    }
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    for (int i = 0; i < 2; i++) {
        event_free(loop->signals[i]);
        loop->signals[i] = NULL;
    }
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

static void grow_deferred(struct loop *loop)
{
    size_t capacity = loop->capacity ? loop->capacity * 2 : 16;
    struct deferred *grown = mem_new_array(capacity, sizeof(*grown));

    for (size_t i = 0; i < loop->n_deferred; i++)
        grown[i] = loop->deferred[(loop->first + i) & (loop->capacity - 1)];
    mem_free(loop->deferred);
    loop->deferred = grown;
    loop->capacity = capacity;
    loop->first = 0;
}

void loop_defer(struct loop *loop, loop_fn *fn, void *arg)
{
    if (loop->n_deferred == loop->capacity)
        grow_deferred(loop);
    loop->deferred[(loop->first + loop->n_deferred) & (loop->capacity - 1)] =
        (struct deferred){.fn = fn, .arg = arg};
    loop->n_deferred++;
    if (loop->n_deferred == 1)
        schedule_deferred(loop);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *timer = arg;

    (void)fd;
    (void)what;
    timer->fn(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
    struct loop_timer *timer = MEM_NEW(struct loop_timer);

    timer->fn = fn;
    timer->arg = arg;
    timer->event = evtimer_new(loop->base, on_timer, timer);
    assert(timer->event);
    return timer;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    event_free(timer->event);
    mem_free(timer);
}

void loop_timer_start(struct loop_timer *timer, int64_t in_ms)
{
    struct timeval in = timeval_of_ms(in_ms);

    event_add(timer->event, &in);
}

void loop_timer_stop(struct loop_timer *timer)
{
    event_del(timer->event);
}

/* How it works. One timer stands for all that can begin a step: it is set anew whenever a step has
 * ended or somebody wakes it. A step runs from the timer alone, never from within a call, so that one
 * that ends at once does not pile up calls. The timer waits on the monotonic clock and at most
 * poll_ms: a wall clock that was stepped is noticed by the next step. */
#include "common/service/due_work.h"

#include <assert.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"

enum {
    WAIT_MIN_MS = 500,   /* after a failure, however often it is woken */
    WAIT_MAX_MS = 30000, /* after many in a row */
    /* what is away for now is tried more often: much may fall due until it is back */
    WAIT_TRANSIENT_MAX_MS = 4000,
    TAKEN_MS = 100, /* what was due when the step began, and still is: another replica has it */
};

struct due_work {
    struct due_work_config config;
    struct loop_timer *timer; /* NULL: freed during a step, whose end releases the rest */
    bool is_stepping;
    bool is_woken; /* during the step */
    bool is_draining;
    int64_t step_began_ms; /* by the wall clock */
    int n_failures;        /* in a row */
    int64_t quiet_ms;      /* monotonic; no step before: one has just failed */
    void (*drained)(void *arg);
    void *drained_arg;
    struct metrics_series *steps, *failed;
};

static void on_time(void *arg)
{
    struct due_work *work = arg;

    if (work->is_draining) {
        work->drained(work->drained_arg);
        return;
    }
    work->is_stepping = true;
    work->is_woken = false;
    work->step_began_ms = work->config.now_ms();
    metrics_add(work->steps, 1);
    work->config.step(work->config.arg, work->step_began_ms); /* it may have been freed now */
}

static void add_metrics(struct due_work *work)
{
    struct metrics *metrics = work->config.metrics;
    struct buf labels;

    if (metrics == NULL)
        return;
    buf_init(&labels);
    buf_format(&labels, "work=\"%s\"", work->config.name);
    work->steps = metrics_counter(metrics, "due_work_steps_total", "Steps of due work begun.",
                                  buf_text(&labels));
    work->failed = metrics_counter(metrics, "due_work_failed_total",
                                   "Steps of due work that failed.", buf_text(&labels));
    buf_clear(&labels);
}

struct due_work *due_work_new(const struct due_work_config *config)
{
    struct due_work *work = MEM_NEW(struct due_work);

    work->config = *config;
    if (work->config.now_ms == NULL)
        work->config.now_ms = clock_now_ms;
    work->timer = loop_timer_new(config->loop, on_time, work);
    add_metrics(work);
    return work;
}

void due_work_free(struct due_work *work)
{
    if (work == NULL)
        return;
    loop_timer_free(work->timer);
    work->timer = NULL;
    if (!work->is_stepping)
        mem_free(work);
}

void due_work_start(struct due_work *work)
{
    due_work_wake(work);
}

void due_work_wake(struct due_work *work)
{
    work->is_woken = true;
    if (!work->is_stepping && !work->is_draining)
        loop_timer_start(work->timer, work->quiet_ms - clock_monotonic_ms());
}

/* Up to 1 s at first, doubled each time; half of it is left to chance. */
static int64_t backoff_ms(int n_failures, bool is_transient)
{
    const int64_t max_ms = is_transient ? WAIT_TRANSIENT_MAX_MS : WAIT_MAX_MS;
    int64_t wait_ms = (int64_t)2 * WAIT_MIN_MS;

    for (int i = 1; i < n_failures && wait_ms < max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > max_ms)
        wait_ms = max_ms;
    return wait_ms / 2 + clock_monotonic_us() % (wait_ms / 2 + 1);
}

static int64_t fail_step(struct due_work *work, const struct err *err)
{
    int64_t wait_ms = backoff_ms(++work->n_failures, err_is_transient(err));

    metrics_add(work->failed, 1);
    log_warn(work->config.log, "due_work_failed", KV("work", work->config.name),
             KV("err", (const char *)err->text), KV("again_in_ms", wait_ms));
    work->quiet_ms = clock_monotonic_ms() + WAIT_MIN_MS;
    return work->is_woken ? WAIT_MIN_MS : wait_ms;
}

static int64_t wait_ms_until(const struct due_work *work, int64_t next_at)
{
    int64_t wait_ms = next_at - work->config.now_ms();

    if (next_at == 0 || wait_ms > work->config.poll_ms)
        return work->config.poll_ms;
    if (next_at <= work->step_began_ms)
        return TAKEN_MS < work->config.poll_ms ? TAKEN_MS : work->config.poll_ms;
    return wait_ms; /* below 0: it fell due during the step */
}

void due_work_done(struct due_work *work, bool has_more, int64_t next_at, const struct err *err)
{
    int64_t wait_ms = 0;

    assert(work->is_stepping);
    work->is_stepping = false;
    if (work->timer == NULL) {
        mem_free(work);
        return;
    }
    if (err != NULL && err_is_set(err)) {
        wait_ms = fail_step(work, err);
    } else {
        work->n_failures = 0;
        work->quiet_ms = 0;
        if (!has_more && !work->is_woken)
            wait_ms = wait_ms_until(work, next_at);
    }
    loop_timer_start(work->timer, work->is_draining ? 0 : wait_ms);
}

void due_work_answer_cron(struct due_work *work, struct http_request *req)
{
    due_work_wake(work);
    http_reply_empty(req, 200);
}

void due_work_drain(struct due_work *work, void (*done)(void *arg), void *arg)
{
    work->is_draining = true;
    work->drained = done;
    work->drained_arg = arg;
    if (!work->is_stepping)
        loop_timer_start(work->timer, 0);
}

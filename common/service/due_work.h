/* common/service/due_work.h — work that falls due at instants kept in a table.
 *
 * A step claims some of what is due now and does it; whoever claims first has it, on whatever replica.
 * Steps run one at a time. One runs when somebody calls wake (a commit here added something), when
 * the next due instant that the last step named has come, when the cron binding fires, and at least
 * every `poll_ms`, so that what another replica added or left is found, and so is a clock that was
 * stepped. A step that failed is run again with backoff and jitter. */
#ifndef COMMON_SERVICE_DUE_WORK_H
#define COMMON_SERVICE_DUE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/http_server.h"

struct due_work;
struct log;
struct loop;
struct metrics;

/** Begin one step at the instant `now_ms`; end in exactly one due_work_done, now or later. */
typedef void due_step_fn(void *arg, int64_t now_ms);

struct due_work_config {
    const char *name; /* in logs and metrics: "reminder_check" */
    struct loop *loop;
    struct metrics *metrics; /* due_work_steps_total, due_work_failed_total; may be NULL */
    const struct log *log;
    int poll_ms;
    int64_t (*now_ms)(void); /* NULL: clock_now_ms; a test moves it */
    due_step_fn *step;
    void *arg;
};

/** Make it idle: it begins at the first wake or start. */
struct due_work *due_work_new(const struct due_work_config *config);
void due_work_free(struct due_work *work); /* NULL is fine; a step under way may still call done */

void due_work_start(struct due_work *work); /* from now on it polls */
void due_work_wake(struct due_work *work);  /* cheap: may be called always */

/** End the step: `has_more` runs the next at once; `next_at` is when something else falls due, 0 when
 *  nothing is known of; with `err` it is logged and tried again after 0.5 to 30 s. */
void due_work_done(struct due_work *work, bool has_more, int64_t next_at, const struct err *err);

/** Answer the cron binding's POST: wake, 200 at once. A step that takes longer than the schedule is
 *  not begun a second time. */
void due_work_answer_cron(struct due_work *work, struct http_request *req);

/** Begin no further step, and call `done`, never before returning, once none is under way. */
void due_work_drain(struct due_work *work, void (*done)(void *arg), void *arg);

#endif

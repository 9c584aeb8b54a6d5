#include "services/notification/work/work.h"

#include "services/notification/work/lease.h"
#include "services/notification/work/sender.h"

const struct zone *work_zone(const struct work *work, const char *name, int64_t now_ms)
{
    struct err err = {0};

    return name != NULL ? zone_cache_get(work->zones, name, now_ms, &err) : NULL;
}

int64_t work_keep_ms(const struct work *work)
{
    return (int64_t)work->config->ledger_days * 86400 * 1000;
}

static struct due_work *open_due(struct work *work, const char *name, due_step_fn *step,
                                 int poll_ms)
{
    return due_work_new(&(struct due_work_config){.name = name,
                                                  .loop = work->service->loop,
                                                  .metrics = work->service->metrics,
                                                  .log = &work->service->log,
                                                  .poll_ms = poll_ms,
                                                  .step = step,
                                                  .arg = work});
}

static void on_lease_renewed(void *arg)
{
    struct work *work = arg;

    due_work_wake(work->schedule);
    due_work_wake(work->send);
}

void work_open(struct work *work)
{
    int poll_ms = work->config->due_poll_ms;

    work->users = open_due(work, "user_spread", users_step, poll_ms);
    work->schedule = open_due(work, "reminder_schedule", schedule_step, poll_ms);
    work->digest = open_due(work, "digest_plan", digest_step, poll_ms);
    work->send = open_due(work, "reminder_check", sender_step, poll_ms);
    work->purge = open_due(work, "ledger_purge", purge_step, work->config->purge_interval_s * 1000);
    work->lease = lease_new(&(struct lease_config){.loop = work->service->loop,
                                                   .pool = work->service->pool,
                                                   .log = &work->service->log,
                                                   .lease_ms = work->config->lease_ms,
                                                   .renewed = on_lease_renewed,
                                                   .arg = work});
    work->sender = sender_new(work);
}

void work_start(struct work *work)
{
    lease_start(work->lease);
    due_work_start(work->users);
    due_work_start(work->schedule);
    due_work_start(work->digest);
    due_work_start(work->send);
    due_work_start(work->purge);
}

void work_wake(struct work *work)
{
    due_work_wake(work->users);
    due_work_wake(work->schedule);
}

static void on_drained(void *arg)
{
    struct work *work = arg;

    if (--work->n_draining == 0)
        service_release_drain(work->service);
}

/* Only now are all claims gone. */
static void on_sender_drained(void *arg)
{
    struct work *work = arg;

    lease_drain(work->lease, on_drained, work);
}

static void on_send_drained(void *arg)
{
    struct work *work = arg;

    sender_drain(work->sender, on_sender_drained, work);
}

void work_drain(struct work *work)
{
    service_hold_drain(work->service);
    work->n_draining = 5;
    sender_stop(work->sender);
    due_work_drain(work->users, on_drained, work);
    due_work_drain(work->schedule, on_drained, work);
    due_work_drain(work->digest, on_drained, work);
    due_work_drain(work->purge, on_drained, work);
    due_work_drain(work->send, on_send_drained, work);
}

void work_close(struct work *work)
{
    sender_free(work->sender);
    lease_free(work->lease);
    due_work_free(work->users);
    due_work_free(work->schedule);
    due_work_free(work->digest);
    due_work_free(work->send);
    due_work_free(work->purge);
}

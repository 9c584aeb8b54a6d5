/* How it works. A step claims as much of each channel as there is room for, in one statement, and
 * queues it. What is queued begins as soon as its channel has room, which for all but mail is at
 * once; more mail is claimed than goes at a time, so that the next one is at hand. When an
 * attempt has ended, room is free again, and the next step is woken if there may be more.
 * Of pushes and webhooks an owner has no more than his share under way: what a claim brought beyond
 * it waits in the queue, where others' pass it and it takes no room from them, and the next claims
 * pass his over until he has less. */
#include "services/notification/work/sender.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/notification/channels/channel.h"
#include "services/notification/work/lease.h"
#include "services/notification/work/sending.h"

enum {
    CLAIM_MAX = 256,    /* of a channel, in one step */
    APP_ROOM = 1024,    /* claims that the database is still to hear the end of */
    MAIL_AHEAD = 32,    /* claimed at once beside those that begin */
    LOST_CALLS = 3,     /* limits of a statement after which a lost claim must have shown */
    CLOSING_MAX = 2048, /* the database is away: nothing more is begun */
};

struct claim_step {
    struct flow flow; /* first member */
    struct sender *sender;
    int64_t now_ms, next_at;
    int wanted[N_CHANNELS];
    bool has_claimed, has_more;
};
static loop_fn on_drain_time;
static flow_step_fn release_lost, claim_due;
static flow_finish_fn finish_step;
static const struct flow_plan claim_plan = {
    .name = "reminder_check",
    .steps = {release_lost, claim_due},
    .finish = finish_step,
};

struct sender *sender_new(struct work *work)
{
    struct sender *sender = MEM_NEW(struct sender);
    struct metrics *metrics = work->service->metrics;

    sender->work = work;
    sender->drain_timer = loop_timer_new(work->service->loop, on_drain_time, sender);
    for (int i = 0; i < N_CHANNELS; i++) {
        char labels[32];

        snprintf(labels, sizeof labels, "channel=\"%s\"", reminder_channel_words[i]);
        sender->sent[i] = metrics_counter(metrics, "reminders_sent_total",
                                          "Deliveries that a channel accepted.", labels);
        sender->failed[i] =
            metrics_counter(metrics, "reminders_failed_total", "Deliveries given up.", labels);
    }
    sender->lateness =
        metrics_histogram(metrics, "reminder_lateness_seconds",
                          "Time from the instant of a reminder to its channel.", NULL);
    return sender;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    closing_free(sender);
    loop_timer_free(sender->drain_timer);
    mem_free(sender);
}

/* ---- room */

static int mail_room(const struct sender *sender, int busy)
{
    int room = channel_room(sender->work->channels, CHANNEL_EMAIL);

    return busy > room ? 0 : room + MAIL_AHEAD - busy; /* many at once: when few are left */
}

static int find_room(const struct sender *sender, int channel)
{
    int busy = sending_count_ready(sender, channel), room;

    if (sender->closing.n > CLOSING_MAX)
        return 0;
    if (channel == CHANNEL_APP)
        room = APP_ROOM - busy - closing_count(sender, channel);
    else if (channel_is_away(sender->work->channels, channel))
        room = 0;
    else if (channel == CHANNEL_EMAIL)
        room = mail_room(sender, busy);
    else
        room = channel_room(sender->work->channels, channel) - busy;
    if (room < 0)
        room = 0;
    return room < CLAIM_MAX ? room : CLAIM_MAX;
}

/* ---- the step */

void sender_step(void *arg, int64_t now_ms)
{
    struct work *work = arg;
    struct sender *sender = work->sender;
    struct claim_step *step;
    bool has_room = false;

    for (int i = 0; i < N_CHANNELS; i++)
        sending_begin_queued(sender, i);
    if (!lease_is_fresh(work->lease)) {
        due_work_done(work->send, false, 0, NULL); /* it wakes us when it is */
        return;
    }
    step = MEM_NEW(struct claim_step);
    step->sender = sender;
    step->now_ms = now_ms;
    for (int i = 0; i < N_CHANNELS; i++) {
        step->wanted[i] = find_room(sender, i);
        has_room = has_room || step->wanted[i] > 0;
    }
    if (!has_room) {
        mem_free(step);
        due_work_done(work->send, false, 0, NULL); /* what ends next wakes us */
        return;
    }
    flow_start(&step->flow, &claim_plan, NULL);
}

static void add_id(void *arg, const struct sending *sending)
{
    column_add(arg, sending->claim.notification.id.text);
}

static void on_released(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct claim_step *step = arg;

    (void)rows;
    flow_resume(&step->flow, err);
}

/* The answer to a claim was lost, so it may have happened, or happen yet: whatever is ours in the
 * database and not here is given back before anything else is claimed. */
static enum flow_next release_lost(struct flow *flow)
{
    struct claim_step *step = (struct claim_step *)flow;
    struct sender *sender = step->sender;
    struct pg_params params;
    struct column ids;

    if (clock_monotonic_ms() > sender->lost_until_ms)
        return FLOW_NEXT;
    column_init(&ids, &flow->arena);
    for (int i = 0; i < N_CHANNELS; i++) {
        for (const struct sending *s = sender->queued[i].first; s != NULL; s = s->next)
            add_id(&ids, s);
        for (const struct sending *s = sender->under_way[i].first; s != NULL; s = s->next)
            add_id(&ids, s);
    }
    closing_each(sender, add_id, &ids);
    pg_params_init(&params, &flow->arena);
    pg_add_text(&params, lease_id(sender->work->lease)->text);
    column_param(&ids, &params);
    pg_query(sender->work->service->pool, &SENDING_RELEASE, &params, on_released, step);
    return FLOW_WAIT;
}

static void queue_claims(struct claim_step *step, const struct pg_rows *rows)
{
    struct sender *sender = step->sender;
    int n_claimed[N_CHANNELS] = {0}, n_rows = sending_count_rows(rows);

    for (int row = 0; row < n_rows; row++) {
        struct sending *sending = MEM_NEW(struct sending);
        int channel;

        arena_init(&sending->arena);
        sending->sender = sender;
        sending->claimed_ms = clock_monotonic_ms();
        memcpy(sending->traceparent, step->flow.traceparent, sizeof sending->traceparent);
        sending_read_claim(rows, row, &sending->arena, &sending->claim);
        channel = sending->claim.notification.channel;
        n_claimed[channel]++;
        sending_list_add(&sender->queued[channel], sending);
    }
    for (int i = 0; i < N_CHANNELS; i++)
        sender->may_have_more[i] =
            step->wanted[i] > 0 ? n_claimed[i] == step->wanted[i] : sender->may_have_more[i];
}

static void on_claimed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct claim_step *step = arg;

    if (err == NULL) {
        step->next_at = sending_read_next(rows);
        queue_claims(step, rows);
        step->has_claimed = true;
    }
    flow_resume(&step->flow, err);
}

/** Write the owners who have their share of a channel as an array's text. */
static const char *list_busy(const struct sender *sender, int channel, struct arena *arena)
{
    const struct sending_list *const lists[] = {&sender->under_way[channel],
                                                &sender->queued[channel]};
    const char *list = "{";

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct sending *s = lists[i]->first; s != NULL; s = s->next)
            if (sending_is_owner_busy(sender, channel, &s->claim.owner_id, true))
                list = arena_format(arena, "%s%s%s", list, list[1] != '\0' ? "," : "",
                                    s->claim.owner_id.text);
    return arena_format(arena, "%s}", list);
}

static enum flow_next claim_due(struct flow *flow)
{
    struct claim_step *step = (struct claim_step *)flow;
    struct work *work = step->sender->work;
    struct column channels, room, busy;
    struct pg_params params;

    column_init(&channels, &flow->arena);
    column_init(&room, &flow->arena);
    column_init(&busy, &flow->arena);
    for (int i = 0; i < N_CHANNELS; i++) {
        if (step->wanted[i] == 0)
            continue;
        column_add_int(&channels, i);
        column_add_int(&room, step->wanted[i]);
        column_add(&busy, list_busy(step->sender, i, &flow->arena));
    }
    pg_params_init(&params, &flow->arena);
    column_param(&channels, &params);
    column_param(&room, &params);
    pg_add_time(&params, step->now_ms);
    pg_add_text(&params, lease_id(work->lease)->text);
    column_param(&busy, &params);
    pg_query(work->service->pool, &SENDING_CLAIM, &params, on_claimed, step);
    return FLOW_WAIT;
}

static bool has_more(const struct sender *sender)
{
    for (int i = 0; i < N_CHANNELS; i++)
        if (sender->may_have_more[i] && find_room(sender, i) > 0)
            return true;
    return false;
}

static void finish_step(struct flow *flow)
{
    struct claim_step *step = (struct claim_step *)flow;
    struct sender *sender = step->sender;
    struct work *work = sender->work;

    if (err_is_set(&flow->err) && !step->has_claimed)
        sender->lost_until_ms =
            clock_monotonic_ms() + (int64_t)LOST_CALLS * work->config->service.db_limit_ms;
    for (int i = 0; i < N_CHANNELS; i++)
        sending_begin_queued(sender, i);
    due_work_done(work->send, !err_is_set(&flow->err) && has_more(sender), step->next_at,
                  &flow->err);
    flow_clear(flow);
    mem_free(step);
}

/* ---- going on, and the drain */

static bool is_idle(const struct sender *sender)
{
    for (int i = 0; i < N_CHANNELS; i++)
        if (sender->queued[i].n > 0 || sender->under_way[i].n > 0)
            return false;
    return sender->closing.n == 0 && sender->batch == NULL;
}

static void on_drain_time(void *arg)
{
    struct sender *sender = arg;

    if (sender->drained != NULL && is_idle(sender)) {
        void (*drained)(void *) = sender->drained;

        sender->drained = NULL;
        drained(sender->drained_arg);
    }
}

void sender_go_on(struct sender *sender)
{
    if (sender->is_draining)
        loop_timer_start(sender->drain_timer, 0);
    else if (has_more(sender))
        due_work_wake(sender->work->send);
}

void sender_stop(struct sender *sender)
{
    sender->is_draining = true;
}

void sender_drain(struct sender *sender, void (*done)(void *arg), void *arg)
{
    sender->drained = done;
    sender->drained_arg = arg;
    for (int i = 0; i < N_CHANNELS; i++)
        sending_give_back_queued(sender, i);
    loop_timer_start(sender->drain_timer, 0);
}

/* One claim, from its queue through its channel to how it ended. */
#include "services/notification/work/sending.h"

#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/notification/channels/channel.h"
#include "services/notification/domain/quiet.h"
#include "services/notification/domain/retry.h"
#include "services/notification/work/lease.h"

enum {
    QUEUED_MAX_MS = 2000, /* after that the claim is given back: its task may have changed */
    LATE_MS = 60 * 1000,  /* from then on the message says how late it is */
    REASON_MAX = 400,     /* bytes */
};

void sending_list_add(struct sending_list *list, struct sending *sending)
{
    sending->next = NULL;
    if (list->last != NULL)
        list->last->next = sending;
    else
        list->first = sending;
    list->last = sending;
    list->n++;
}

struct sending *sending_list_take(struct sending_list *list)
{
    struct sending *sending = list->first;

    if (sending != NULL)
        sending_list_remove(list, sending);
    return sending;
}

void sending_list_remove(struct sending_list *list, struct sending *sending)
{
    struct sending *before = NULL;

    for (struct sending *s = list->first; s != sending; s = s->next)
        before = s;
    if (before != NULL)
        before->next = sending->next;
    else
        list->first = sending->next;
    if (list->last == sending)
        list->last = before;
    list->n--;
}

/* ---- an owner's share */

static int count_of_owner(const struct sending_list *list, const struct uuid *owner_id)
{
    int n = 0;

    for (const struct sending *s = list->first; s != NULL; s = s->next)
        n += strcmp(s->claim.owner_id.text, owner_id->text) == 0;
    return n;
}

bool sending_is_owner_busy(const struct sender *sender, int channel, const struct uuid *owner_id,
                           bool with_queued)
{
    int n;

    if (channel != CHANNEL_PUSH && channel != CHANNEL_WEBHOOK)
        return false;
    n = count_of_owner(&sender->under_way[channel], owner_id);
    if (with_queued)
        n += count_of_owner(&sender->queued[channel], owner_id);
    return n >= sender->work->config->send_per_owner;
}

int sending_count_ready(const struct sender *sender, int channel)
{
    int n = 0;

    for (const struct sending *s = sender->queued[channel].first; s != NULL; s = s->next)
        n += !sending_is_owner_busy(sender, channel, &s->claim.owner_id, false);
    return n;
}

/* ---- how it ends */

/** Return a copy that fits the events: one line, at most REASON_MAX bytes of whole characters. */
static const char *copy_reason(struct arena *arena, const char *reason)
{
    char *copy =
        arena_copy_text(arena, reason != NULL && *reason != '\0' ? reason : "no reason given");
    size_t n = strlen(copy);

    if (n > REASON_MAX) {
        n = REASON_MAX;
        while (n > 0 && ((unsigned char)copy[n] & 0xC0) == 0x80)
            n--;
        copy[n] = '\0';
    }
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
    return copy;
}

static const struct zone *user_zone(const struct sending *sending, int64_t now)
{
    return work_zone(sending->sender->work, sending->claim.user_zone, now);
}

/** Return the end of the quiet hours that hold it back at `at`, 0: none. */
static int64_t held_until(const struct sending *sending, int64_t at, int64_t now)
{
    const struct notification *notification = &sending->claim.notification;

    if (notification->channel == CHANNEL_APP || notification->kind == NOTIFICATION_DIGEST)
        return 0;
    return quiet_end(&sending->claim.settings, user_zone(sending, now), at);
}

static void give_back(struct sending *sending)
{
    sending->closing = (struct closing){
        .state = sending->claim.notification.attempts > 1 ? DELIVERY_RETRYING : DELIVERY_SCHEDULED,
    };
    closing_add(sending->sender, sending);
}

static void give_up(struct sending *sending, int state, const char *reason)
{
    sending->closing = (struct closing){.state = state, .reason = reason};
    closing_add(sending->sender, sending);
}

static void hold_back(struct sending *sending, int64_t until)
{
    sending->closing = (struct closing){
        .state = sending->claim.notification.attempts > 1 ? DELIVERY_RETRYING : DELIVERY_SCHEDULED,
        .next_try_at = until,
        .held_until = until,
    };
    closing_add(sending->sender, sending);
}

static void try_again(struct sending *sending, const char *reason, int64_t wait_ms, int64_t now)
{
    const struct config *config = sending->sender->work->config;
    const struct retry_limits limits = {.tries_max = config->send_tries_max,
                                        .first_ms = config->send_retry_ms,
                                        .max_ms = config->send_retry_max_ms};
    struct closing *closing = &sending->closing;
    int64_t attempts = sending->claim.notification.attempts, held;
    uint64_t chance;

    randombytes_buf(&chance, sizeof chance);
    wait_ms = retry_wait_ms(&limits, attempts, wait_ms, chance);
    closing->outcome = "refused";
    closing->reason = copy_reason(&sending->arena, reason);
    if (wait_ms < 0) {
        closing->state = DELIVERY_FAILED;
        closing->reason = arena_format(&sending->arena, "given up after %lld attempts: %s",
                                       (long long)attempts, closing->reason);
        return;
    }
    held = held_until(sending, now + wait_ms, now);
    closing->state = DELIVERY_RETRYING;
    closing->next_try_at = held != 0 ? held : now + wait_ms;
    closing->held_until = held;
}

static void on_sent(void *arg, enum send_outcome outcome, const char *reason, int64_t wait_ms)
{
    struct sending *sending = arg;
    struct sender *sender = sending->sender;
    int channel = sending->claim.notification.channel;
    int64_t now = clock_now_ms();

    sending->closing = (struct closing){.is_begun = true, .ended_at = now};
    if (outcome == SEND_DONE) {
        sending->closing.outcome = "sent";
        sending->closing.state = DELIVERY_SENT;
    } else if (outcome == SEND_AGAIN) {
        try_again(sending, reason, wait_ms, now);
    } else {
        sending->is_gone = outcome == SEND_GONE;
        sending->closing.outcome = sending->is_gone ? "gone" : "failed";
        sending->closing.reason = copy_reason(&sending->arena, reason);
        sending->closing.state = DELIVERY_FAILED;
    }
    if (sending_is_owner_busy(sender, channel, &sending->claim.owner_id, true))
        sender->may_have_more[channel] = true; /* of his, which the claims passed over */
    sending_list_remove(&sender->under_way[channel], sending);
    closing_add(sender, sending);
    sending_begin_queued(sender, channel);
    sender_go_on(sender);
}

/* ---- how it begins */

static void hand_over(struct sending *sending, int64_t late_ms)
{
    struct claim *claim = &sending->claim;
    struct outgoing_task *tasks =
        ARENA_NEW_ARRAY(&sending->arena, claim->n_tasks + 1, struct outgoing_task);
    struct outgoing outgoing = {
        .notification = claim->notification,
        .owner_id = claim->owner_id,
        .email = claim->email,
        .name = claim->name,
        .time_zone = claim->task_zone != NULL ? claim->task_zone : claim->user_zone,
        .sealed = claim->sealed,
        .due_at = claim->due_at,
        .late_ms = late_ms >= LATE_MS ? late_ms : 0,
        .tasks = tasks,
        .n_tasks = claim->n_tasks,
        .traceparent = sending->traceparent,
    };

    for (size_t i = 0; i < claim->n_tasks; i++)
        tasks[i] = (struct outgoing_task){claim->tasks[i].id, claim->tasks[i].title,
                                          claim->tasks[i].due_at};
    channel_send(sending->sender->work->channels, &outgoing, on_sent, sending);
}

static bool is_old(const struct sending *sending)
{
    return clock_monotonic_ms() - sending->claimed_ms > QUEUED_MAX_MS;
}

/** Whether it is not to be sent after all; then it is closing. */
static bool is_not_to_be_sent(struct sending *sending, int64_t now, int64_t late_ms)
{
    const struct claim *claim = &sending->claim;
    const struct work *work = sending->sender->work;
    int64_t held;

    if (is_old(sending) || !lease_is_fresh(work->lease)) {
        give_back(sending);
        return true;
    }
    if (late_ms > (int64_t)work->config->reminder_age_max_s * 1000) {
        give_up(sending, DELIVERY_EXPIRED, "it was too late to be of use");
        return true;
    }
    if (claim->notification.kind == NOTIFICATION_DIGEST && !claim->settings.email) {
        give_up(sending, DELIVERY_CANCELLED, "mail was turned off");
        return true;
    }
    if (claim->notification.kind == NOTIFICATION_DIGEST && claim->n_tasks == 0) {
        give_up(sending, DELIVERY_CANCELLED, "nothing was due any more");
        return true;
    }
    held = held_until(sending, now, now);
    if (held != 0) {
        hold_back(sending, held);
        return true;
    }
    return false;
}

static void begin(struct sending *sending)
{
    struct sender *sender = sending->sender;
    const struct claim *claim = &sending->claim;
    int channel = claim->notification.channel;
    int64_t from = claim->held_until > claim->notification.remind_at
                       ? claim->held_until
                       : claim->notification.remind_at;
    int64_t now = clock_now_ms(), late_ms = now > from ? now - from : 0;

    if (is_not_to_be_sent(sending, now, late_ms))
        return;
    metrics_observe(sender->lateness, (double)late_ms / 1000);
    if (channel == CHANNEL_APP) { /* the event is what backend shows */
        sending->closing = (struct closing){
            .is_begun = true, .outcome = "sent", .state = DELIVERY_SENT, .ended_at = now};
        closing_add(sender, sending);
        return;
    }
    sending_list_add(&sender->under_way[channel], sending);
    hand_over(sending, late_ms);
}

static bool has_room(const struct sender *sender, int channel)
{
    const struct channels *channels = sender->work->channels;

    return channel == CHANNEL_APP ||
           (channel_room(channels, channel) > 0 && !channel_is_away(channels, channel));
}

/** Return the first that may begin, or is to be given back; NULL: none. */
static struct sending *find_next(const struct sender *sender, int channel)
{
    struct sending *s = sender->queued[channel].first;
    bool is_open = has_room(sender, channel);

    while (s != NULL && !is_old(s) &&
           (!is_open || sending_is_owner_busy(sender, channel, &s->claim.owner_id, false)))
        s = s->next;
    return s;
}

void sending_begin_queued(struct sender *sender, int channel)
{
    struct sending *next;

    while (!sender->is_draining && (next = find_next(sender, channel)) != NULL) {
        sending_list_remove(&sender->queued[channel], next);
        begin(next);
    }
}

void sending_give_back_queued(struct sender *sender, int channel)
{
    while (sender->queued[channel].n > 0)
        give_back(sending_list_take(&sender->queued[channel]));
}

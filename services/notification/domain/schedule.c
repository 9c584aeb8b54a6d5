/* How it works. Every reminder of an open task is crossed with every channel and address of the user
 * that is on: that is what is wanted. Each wanted one is looked for among the rows by its key
 * (reminder, generation, channel, address); what is found is moved where needed, what is not is
 * added. Rows that still wait and that nobody wanted are cancelled. All lists are short. */
#include "services/notification/domain/schedule.h"

#include <string.h>

#include "common/recurrence/duration.h"
#include "services/notification/domain/quiet.h"

const char *const delivery_state_words[] = {"scheduled", "claimed",   "retrying", "sent",
                                            "failed",    "cancelled", "expired",  NULL};

const struct json_field delivery_row_fields[] = {
    JSON_UUID(struct delivery_row, id, "id", JSON_REQUIRED),
    JSON_UUID(struct delivery_row, reminder_id, "reminder_id", JSON_REQUIRED),
    JSON_INT(struct delivery_row, generation, "generation", JSON_REQUIRED, 0, INT64_MAX),
    JSON_ENUM(struct delivery_row, channel, "channel", JSON_REQUIRED, reminder_channel_words),
    JSON_UUID(struct delivery_row, channel_id, "channel_id", JSON_REQUIRED),
    JSON_ENUM(struct delivery_row, state, "state", JSON_REQUIRED, delivery_state_words),
    JSON_INT(struct delivery_row, attempts, "attempts", JSON_REQUIRED, 0, INT64_MAX),
    JSON_TIME(struct delivery_row, remind_at, "remind_at", JSON_REQUIRED),
    JSON_TIME(struct delivery_row, next_try_at, "next_try_at", JSON_REQUIRED),
    JSON_TIME(struct delivery_row, held_until, "held_until", JSON_NULLABLE),
};
const size_t delivery_row_n_fields = sizeof delivery_row_fields / sizeof delivery_row_fields[0];

struct comparison {
    const struct schedule_job *job;
    struct arena *arena;
    bool *is_wanted; /* of each row */
    struct schedule_change *changes;
    size_t n_changes, n_max;
};

int64_t schedule_instant(const struct schedule_task *task, const struct reminder *reminder)
{
    struct duration offset;
    struct err err = {0};

    if (reminder->snoozed_until != 0)
        return reminder->snoozed_until;
    if (reminder->at != 0)
        return reminder->at;
    if (task->due_at == 0 || reminder->offset == NULL ||
        !duration_read(reminder->offset, "offset", &offset, &err))
        return 0;
    return duration_add(&offset, task->due_at, task->zone);
}

static void add_change(struct comparison *c, int was, const struct delivery_row *row)
{
    if (c->n_changes == c->n_max) {
        size_t n_max = c->n_max > 0 ? 2 * c->n_max : 16;
        struct schedule_change *more = ARENA_NEW_ARRAY(c->arena, n_max, struct schedule_change);

        if (c->n_changes > 0)
            memcpy(more, c->changes, c->n_changes * sizeof *more);
        c->changes = more;
        c->n_max = n_max;
    }
    c->changes[c->n_changes++] = (struct schedule_change){.was = was, .row = *row};
}

static bool is_of(const struct delivery_row *row, const struct reminder *reminder)
{
    return row->generation == reminder->generation &&
           strcmp(row->reminder_id.text, reminder->id.text) == 0;
}

static const struct delivery_row *find_row(const struct comparison *c,
                                           const struct delivery_row *wanted)
{
    for (size_t i = 0; i < c->job->n_rows; i++) {
        const struct delivery_row *row = &c->job->rows[i];

        if (row->generation == wanted->generation && row->channel == wanted->channel &&
            strcmp(row->reminder_id.text, wanted->reminder_id.text) == 0 &&
            strcmp(row->channel_id.text, wanted->channel_id.text) == 0) {
            c->is_wanted[i] = true;
            return row;
        }
    }
    return NULL;
}

/** Whether the ledger has heard of this generation of the reminder, by whatever channel. */
static bool is_known(const struct comparison *c, const struct reminder *reminder)
{
    for (size_t i = 0; i < c->job->n_rows; i++)
        if (is_of(&c->job->rows[i], reminder))
            return true;
    return false;
}

static void move_row(struct comparison *c, const struct delivery_row *row,
                     struct delivery_row *wanted)
{
    bool is_moved = row->remind_at != wanted->remind_at || row->held_until != wanted->held_until;
    int was = row->state;

    wanted->id = row->id;
    wanted->attempts = row->attempts;
    wanted->state = DELIVERY_SCHEDULED;
    if (was == DELIVERY_CANCELLED || was == DELIVERY_EXPIRED) {
        if (wanted->remind_at > c->job->now_ms)
            add_change(c, was, wanted);
    } else if (was == DELIVERY_SCHEDULED && is_moved) {
        add_change(c, was, wanted);
    } else if (was == DELIVERY_RETRYING && row->remind_at != wanted->remind_at) {
        add_change(c, was, wanted);
    }
}

static void want(struct comparison *c, const struct reminder *reminder, struct delivery_row *wanted)
{
    const struct schedule_job *job = c->job;
    const struct delivery_row *row = find_row(c, wanted);
    int64_t late_ms = job->now_ms - wanted->remind_at;

    if (wanted->channel != CHANNEL_APP) /* what is late is held by the quiet hours of now */
        wanted->held_until = quiet_end(&job->user.settings, job->user.zone,
                                       late_ms < 0 ? wanted->remind_at : job->now_ms);
    wanted->next_try_at =
        wanted->held_until > wanted->remind_at ? wanted->held_until : wanted->remind_at;
    if (row != NULL) {
        move_row(c, row, wanted);
        return;
    }
    wanted->state = DELIVERY_SCHEDULED;
    if (late_ms >= 0) {
        if (!job->task.is_new || is_known(c, reminder))
            return; /* a channel that came later: this one is not for it */
        if (late_ms > job->keep_ms)
            return;
        if (late_ms > job->age_max_ms || reminder->set_at > wanted->remind_at)
            wanted->state = DELIVERY_EXPIRED;
    }
    add_change(c, -1, wanted);
}

static bool is_on(const struct reminder_settings *settings, int channel)
{
    const bool on[N_CHANNELS] = {[CHANNEL_EMAIL] = settings->email,
                                 [CHANNEL_PUSH] = settings->push,
                                 [CHANNEL_APP] = settings->app,
                                 [CHANNEL_WEBHOOK] = settings->webhook};

    return on[channel];
}

static void want_reminder(struct comparison *c, const struct reminder *reminder)
{
    const struct schedule_user *user = &c->job->user;
    const struct delivery_row common = {.reminder_id = reminder->id,
                                        .generation = reminder->generation,
                                        .remind_at = schedule_instant(&c->job->task, reminder),
                                        .channel_id = {DELIVERY_NO_ADDRESS}};
    struct delivery_row wanted;

    if (common.remind_at <= 0)
        return;
    for (int channel = 0; channel < N_CHANNELS; channel++) {
        if ((channel != CHANNEL_APP && channel != CHANNEL_EMAIL) ||
            !is_on(&user->settings, channel))
            continue;
        wanted = common;
        wanted.channel = channel;
        want(c, reminder, &wanted);
    }
    for (size_t i = 0; i < user->n_addresses; i++) {
        const struct channel_address *address = &user->addresses[i];

        if (!is_on(&user->settings, address->channel) || address->created_at > common.remind_at)
            continue;
        wanted = common;
        wanted.channel = address->channel;
        wanted.channel_id = address->id;
        want(c, reminder, &wanted);
    }
}

struct schedule_change *schedule_compare(const struct schedule_job *job, struct arena *arena,
                                         size_t *n_changes)
{
    struct comparison c = {.job = job, .arena = arena};

    c.is_wanted = ARENA_NEW_ARRAY(arena, job->n_rows + 1, bool);
    for (size_t i = 0; job->task.is_open && i < job->task.n_reminders; i++)
        want_reminder(&c, &job->task.reminders[i]);
    for (size_t i = 0; i < job->n_rows; i++) {
        struct delivery_row row = job->rows[i];

        if (c.is_wanted[i] || (row.state != DELIVERY_SCHEDULED && row.state != DELIVERY_RETRYING))
            continue;
        row.state = DELIVERY_CANCELLED;
        add_change(&c, job->rows[i].state, &row);
    }
    *n_changes = c.n_changes;
    return c.changes;
}

#include "services/backend/domain/task_reminders.h"

#include <assert.h>
#include <string.h>

#include "common/recurrence/duration.h"
#include "common/recurrence/local_time.h"
#include "common/recurrence/zone.h"
#include "services/backend/domain/task_input.h"

#define GENERATION_MAX (INT64_C(1) << 53)

/* As a client may send one, or send one back: all but id, offset and at is ignored then. */
static const struct json_field input_fields[] = {
    JSON_UUID(struct reminder, id, "id", JSON_NULLABLE),
    JSON_TEXT(struct reminder, offset, "offset", JSON_NULLABLE | JSON_ONE_LINE, 1,
              REMINDER_OFFSET_MAX),
    JSON_TIME(struct reminder, at, "at", JSON_NULLABLE),
    JSON_TIME(struct reminder, snoozed_until, "snoozed_until", JSON_NULLABLE),
    JSON_INT(struct reminder, generation, "generation", JSON_NULLABLE, 1, GENERATION_MAX),
    JSON_TIME(struct reminder, set_at, "set_at", JSON_NULLABLE),
    JSON_TIME(struct reminder, sent_at, "sent_at", JSON_NULLABLE),
    JSON_ENUM(struct reminder, channel, "channel", JSON_NULLABLE, reminder_channel_words),
};
enum { N_INPUT_FIELDS = sizeof(input_fields) / sizeof(input_fields[0]) };

static bool is_same_instant(const struct reminder *one, const struct reminder *other)
{
    if (one->offset != NULL && other->offset != NULL)
        return strcmp(one->offset, other->offset) == 0;
    return one->offset == NULL && other->offset == NULL && one->at == other->at;
}

/* Hold one against the rules; `path` is "reminders[2]." */
static bool check_one(const struct reminder *reminder, const char *path, struct arena *arena,
                      struct err *err)
{
    const char *at = arena_format(arena, "%sat", path);
    const char *offset = arena_format(arena, "%soffset", path);
    struct duration duration;

    if (reminder->offset == NULL && reminder->at == 0)
        return err_add_field(err, offset, "or at is required");
    if (reminder->offset != NULL && reminder->at != 0)
        return err_add_field(err, at, "stands beside offset; a reminder has one of them");
    if (reminder->offset != NULL)
        return duration_read(reminder->offset, offset, &duration, err);
    if (reminder->at < TASK_TIME_MIN || reminder->at >= TASK_TIME_END)
        return err_add_field(err, at, "is outside the years %d to %d", TASK_YEAR_MIN,
                             TASK_YEAR_MAX);
    return true;
}

static bool has_instant(const struct reminder_list *list, const struct reminder *reminder)
{
    for (size_t i = 0; i < list->n_reminders; i++)
        if (is_same_instant(&list->reminders[i], reminder))
            return true;
    return false;
}

bool task_reminders_read(const struct json_texts *texts, const char *path, struct arena *arena,
                         struct reminder_list *list, struct err *err)
{
    bool ok = true;

    *list = (struct reminder_list){ARENA_NEW_ARRAY(arena, texts->n_items, struct reminder), 0};
    for (size_t i = 0; i < texts->n_items; i++) {
        const char *own = arena_format(arena, "%sreminders[%zu].", path == NULL ? "" : path, i);
        const struct json_reading reading = {
            .fields = input_fields, .n_fields = N_INPUT_FIELDS, .path = own};
        struct reminder reminder = {.channel = -1};

        if (!json_read(texts->items[i], strlen(texts->items[i]), &reading, arena, &reminder, err) ||
            !check_one(&reminder, own, arena, err))
            ok = false;
        else if (!has_instant(list, &reminder))
            list->reminders[list->n_reminders++] = reminder;
    }
    return ok;
}

/* Those that a task has: what was stored is well-formed. */
static struct reminder *read_stored(const struct task *task, struct arena *arena)
{
    struct reminder *reminders;
    struct err err = {0};
    bool ok = reminders_read(&task->reminders, arena, &reminders, &err);

    assert(ok);
    (void)ok;
    return reminders;
}

static void renew(struct reminder *reminder, int64_t now_ms)
{
    reminder->generation++;
    reminder->set_at = now_ms;
    reminder->sent_at = 0;
    reminder->channel = -1;
    reminder->snoozed_until = 0;
}

/* Find the one that `sent` is of: by id, else by its instant. Those taken already are left out. */
static struct reminder *find_stored(struct reminder *stored, size_t n_stored,
                                    const struct reminder *sent)
{
    for (size_t i = 0; i < n_stored; i++)
        if (sent->id.text[0] != '\0' && strcmp(stored[i].id.text, sent->id.text) == 0)
            return &stored[i];
    for (size_t i = 0; i < n_stored; i++)
        if (stored[i].id.text[0] != '\0' && is_same_instant(&stored[i], sent))
            return &stored[i];
    return NULL;
}

void task_reminders_set(struct task *task, const struct reminder_list *list, int64_t now_ms,
                        struct arena *arena)
{
    struct reminder *stored = read_stored(task, arena);
    struct reminder *next = ARENA_NEW_ARRAY(arena, list->n_reminders, struct reminder);

    for (size_t i = 0; i < list->n_reminders; i++) {
        const struct reminder *sent = &list->reminders[i];
        struct reminder *own = find_stored(stored, task->reminders.n_items, sent);

        next[i] = (struct reminder){
            .id = uuid_new(now_ms), .generation = 1, .set_at = now_ms, .channel = -1};
        if (own != NULL) {
            next[i] = *own;
            own->id.text[0] = '\0'; /* taken */
            if (!is_same_instant(&next[i], sent))
                renew(&next[i], now_ms);
        }
        next[i].offset = sent->offset;
        next[i].at = sent->at;
    }
    task->reminders = reminders_write(next, list->n_reminders, arena);
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* An offset in days is one of the clock on the wall. */
static bool counts_days(const struct reminder *reminder)
{
    struct duration duration;
    struct err ignored = {0};

    return duration_read(reminder->offset, "offset", &duration, &ignored) && duration.days != 0;
}

void task_reminders_follow(const struct task *before, struct task *task, int64_t now_ms,
                           struct arena *arena)
{
    const bool is_moved = before->due_at != task->due_at;
    const bool is_elsewhere = !is_same_text(before->time_zone, task->time_zone);
    size_t n_kept = 0;

    if (is_moved)
        task->reminder_sent = false;
    if ((!is_moved && !is_elsewhere) || task->reminders.n_items == 0)
        return;
    struct reminder *reminders = read_stored(task, arena);

    for (size_t i = 0; i < task->reminders.n_items; i++) {
        if (reminders[i].offset != NULL && task->due_at == 0)
            continue;
        if (reminders[i].offset != NULL && (is_moved || counts_days(&reminders[i])))
            renew(&reminders[i], now_ms);
        reminders[n_kept++] = reminders[i];
    }
    task->reminders = reminders_write(reminders, n_kept, arena);
}

void task_reminders_add(struct task *task, const struct json_texts *offsets, int64_t set_at,
                        struct arena *arena)
{
    struct reminder *reminders = ARENA_NEW_ARRAY(arena, offsets->n_items, struct reminder);

    for (size_t i = 0; i < offsets->n_items; i++)
        reminders[i] = (struct reminder){.id = uuid_new(set_at),
                                         .offset = offsets->items[i],
                                         .generation = 1,
                                         .set_at = set_at,
                                         .channel = -1};
    task->reminders = reminders_write(reminders, offsets->n_items, arena);
}

/* The instant of a reminder by offset; a day more or less an hour will do here. */
static int64_t instant_of(const struct task *task, const struct reminder *reminder)
{
    struct duration offset = {0};
    struct err ignored = {0};

    if (!duration_read(reminder->offset, "offset", &offset, &ignored))
        return task->due_at;
    return duration_add(&offset, task->due_at, NULL);
}

void task_reminders_begin(struct task *task, int64_t now_ms, struct arena *arena)
{
    enum { ON_TIME_MS = 3600000, PASSED_MS = 60000 };
    struct reminder *reminders = read_stored(task, arena);
    struct reminder *latest = NULL;
    bool is_one_ahead = false;

    if (task->due_at < now_ms - ON_TIME_MS)
        return;
    for (size_t i = 0; i < task->reminders.n_items; i++) {
        if (instant_of(task, &reminders[i]) >= now_ms - PASSED_MS) {
            is_one_ahead = true;
            continue;
        }
        reminders[i].set_at = now_ms;
        if (latest == NULL || instant_of(task, &reminders[i]) > instant_of(task, latest))
            latest = &reminders[i];
    }
    if (latest != NULL && !is_one_ahead)
        latest->snoozed_until = now_ms;
    task->reminders = reminders_write(reminders, task->reminders.n_items, arena);
}

struct json_texts task_reminders_offsets(const struct task *task, struct arena *arena)
{
    const size_t n_reminders = task->reminders.n_items;
    struct json_texts offsets = {ARENA_NEW_ARRAY(arena, n_reminders, const char *), 0};
    const struct reminder *reminders = read_stored(task, arena);

    for (size_t i = 0; i < n_reminders; i++)
        if (reminders[i].offset != NULL)
            offsets.items[offsets.n_items++] = reminders[i].offset;
    return offsets;
}

static struct reminder *find_by_id(struct reminder *reminders, size_t n_reminders,
                                   const struct uuid *id)
{
    for (size_t i = 0; i < n_reminders; i++)
        if (strcmp(reminders[i].id.text, id->text) == 0)
            return &reminders[i];
    return NULL;
}

bool task_reminders_check(const struct task *task, const struct task_snooze *how,
                          struct arena *arena, struct err *err)
{
    const struct reminder *reminder =
        find_by_id(read_stored(task, arena), task->reminders.n_items, &how->reminder_id);

    if (reminder == NULL)
        return err_set(err, ERR_NOT_FOUND, "the task has no reminder with this id");
    if (how->generation != 0 && how->generation != reminder->generation)
        return err_set_slug(err, ERR_CONFLICT, "reminder_changed",
                            "the reminder was moved or snoozed since");
    return true;
}

bool task_reminders_snooze(struct task *task, const struct task_snooze *how, int64_t until,
                           int64_t now_ms, struct arena *arena, struct err *err)
{
    struct reminder *reminders = read_stored(task, arena);
    struct reminder *reminder = find_by_id(reminders, task->reminders.n_items, &how->reminder_id);

    if (!task_reminders_check(task, how, arena, err))
        return false;
    renew(reminder, now_ms);
    reminder->snoozed_until = until;
    task->reminders = reminders_write(reminders, task->reminders.n_items, arena);
    return true;
}

int64_t task_reminders_morning(const struct zone *zone, int minutes, int64_t now_ms)
{
    enum { DAY_S = 24 * 60 * 60 };
    const struct local_time now = zone_local(zone, now_ms);
    const int64_t today = local_time_seconds(&now) / DAY_S * DAY_S;
    const struct local_time morning =
        local_time_from_seconds(today + DAY_S + (int64_t)minutes * 60);

    return zone_instant(zone, &morning, NULL);
}

bool task_reminders_mark(struct task *task, const struct task_reminded *reminded,
                         struct arena *arena)
{
    struct reminder *reminders = read_stored(task, arena);
    struct reminder *reminder =
        find_by_id(reminders, task->reminders.n_items, &reminded->reminder_id);

    if (reminder == NULL || reminder->generation != reminded->generation || reminder->sent_at != 0)
        return false;
    reminder->sent_at = reminded->sent_at;
    reminder->channel = reminded->channel;
    task->reminder_sent = true;
    task->reminders = reminders_write(reminders, task->reminders.n_items, arena);
    return true;
}

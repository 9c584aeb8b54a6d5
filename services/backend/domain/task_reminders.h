/* services/backend/domain/task_reminders.h — the reminders of a task: how they are read, matched with
 * those it has, moved, snoozed and marked as sent. A new instant is a new generation. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_REMINDERS_H
#define SERVICES_BACKEND_DOMAIN_TASK_REMINDERS_H

#include <stdint.h>

#include "common/events/reminder.h"
#include "common/events/task.h"

struct zone;

/** What a client sent, read and held against the rules. */
struct reminder_list {
    struct reminder *reminders; /* of each the id (if any), and either offset or at */
    size_t n_reminders;
};

/** Read the objects of `texts`; the same reminder twice counts once. Fail with field entries, `path`
 *  (NULL: none) before "reminders[i].…". */
MUST_CHECK bool task_reminders_read(const struct json_texts *texts, const char *path,
                                    struct arena *arena, struct reminder_list *list,
                                    struct err *err);

/** Give `task` the reminders of `list`: one with the id, else the offset or instant, of one there stays
 *  that one. */
void task_reminders_set(struct task *task, const struct reminder_list *list, int64_t now_ms,
                        struct arena *arena);

/** Take a moved due date or time zone into account: what counts from it comes anew, or goes with it. */
void task_reminders_follow(const struct task *before, struct task *task, int64_t now_ms,
                           struct arena *arena);

/** Give a new task one reminder for each offset, which the user chose at `set_at`. */
void task_reminders_add(struct task *task, const struct json_texts *offsets, int64_t set_at,
                        struct arena *arena);

/** An occurrence that comes on time may come after instants of its reminders: let the latest of those
 *  ring now, if no other is ahead, and none of the others. One that is caught up is left alone: what is
 *  late says so. All have offsets. */
void task_reminders_begin(struct task *task, int64_t now_ms, struct arena *arena);

/** Return the offsets of the reminders that have one, each once. */
struct json_texts task_reminders_offsets(const struct task *task, struct arena *arena);

/** Until when a reminder waits; one of the three. */
struct task_snooze {
    struct uuid reminder_id;
    int64_t for_ms;  /* 0: not so */
    bool to_morning; /* of tomorrow, in the task's zone, else the user's */
    int64_t until;   /* 0: not so */

    int64_t generation; /* that the reminder must be of; 0: whichever it is of */
};

/** Check that the task has the reminder that `how` is for. Fail with ERR_NOT_FOUND when it has not, and
 *  with ERR_CONFLICT (slug "reminder_changed") when it is of another generation than asked. */
MUST_CHECK bool task_reminders_check(const struct task *task, const struct task_snooze *how,
                                     struct arena *arena, struct err *err);

/** Have the reminder that `how` is for come at `until` instead, whether it was sent or not. Fail like
 *  task_reminders_check. */
MUST_CHECK bool task_reminders_snooze(struct task *task, const struct task_snooze *how,
                                      int64_t until, int64_t now_ms, struct arena *arena,
                                      struct err *err);

/** Return when the clock in `zone` shows `minutes` since midnight on the day after that of now_ms. */
int64_t task_reminders_morning(const struct zone *zone, int minutes, int64_t now_ms);

/** A reminder that was sent. */
struct task_reminded {
    struct uuid reminder_id;
    int64_t generation;
    int64_t sent_at;
    int channel; /* enum reminder_channel */
};

/** Note it, unless the reminder is gone, of another generation by now, or marked already: return
 *  whether it was noted. */
bool task_reminders_mark(struct task *task, const struct task_reminded *reminded,
                         struct arena *arena);

#endif

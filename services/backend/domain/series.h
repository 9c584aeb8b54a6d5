/* services/backend/domain/series.h — the series that tasks are occurrences of: its rule, the template
 * of its next occurrence, and how far it has come. */
#ifndef SERVICES_BACKEND_DOMAIN_SERIES_H
#define SERVICES_BACKEND_DOMAIN_SERIES_H

#include <stdint.h>

#include "common/events/recurrence_due.h"
#include "common/events/task.h"
#include "services/backend/domain/task_input.h"

struct zone;

struct series {
    struct uuid id;          /* "": none */
    int64_t version;         /* of the rule, from 1; a stop raises it too */
    int64_t revision;        /* counts every change of what is here */
    int64_t last_occurrence; /* number of the newest, for ever */
    struct uuid newest_id;   /* the task of that number; it may be purged */

    const char *recurrence; /* the last one, also of a series that was stopped */
    int anchor, missed;
    const char *time_zone;
    const char *start; /* wall clock time of occurrence `from` */
    int64_t from;

    /* the template */
    const char *title, *description;
    int priority;
    struct json_texts tags;
    struct json_texts offsets; /* of its reminders: instants are not for the next one */

    int64_t created_at;
    int64_t stopped_at; /* 0: it goes on */
};

extern const struct series series_none;
bool series_is_there(const struct series *series);

/** Begin a series with `task`, which has a recurrence, a due date and a time zone: it becomes
 *  occurrence 1. Texts go into the arena. */
void series_begin(struct series *series, struct task *task, const struct zone *zone, int64_t now_ms,
                  struct arena *arena);

/** An edit of the newest occurrence that is also meant for what comes after it. All is borrowed. */
struct series_edit {
    const struct task *before;
    const struct task_patch *patch; /* by which it became what it is */
    const struct zone *zone;        /* of the task as it is; NULL where it has no recurrence */
    int64_t now_ms;
    struct arena *arena;
};

/** Carry an edit of `task` over into its series. A changed due date, time zone or rule begins the rule
 *  anew at this occurrence; a recurrence that went stops the series. Fail with ERR_CONFLICT (slug
 *  "not_newest_occurrence", naming the newest) when there is a newer one. */
MUST_CHECK bool series_follow(struct series *series, const struct series_edit *edit,
                              struct task *task, struct err *err);

/** End the series with its newest occurrence `task`, which becomes a plain one. `*has_changed` is false
 *  when it has ended already. Fail like series_follow. */
MUST_CHECK bool series_stop(struct series *series, struct task *task, int64_t now_ms,
                            bool *has_changed, struct err *err);

enum series_verdict {
    SERIES_MAKES,    /* the occurrence is to be made */
    SERIES_STALE,    /* the rule is another by now, or the series was stopped */
    SERIES_NOT_NEXT, /* it is there already, or it is not its turn */
    SERIES_TRASHED,  /* the newest is open and in the trash: nothing comes until it is back */
};
/** Judge what is due by the series and its newest occurrence (NULL: purged). */
enum series_verdict series_judge(const struct series *series, const struct task *newest,
                                 const struct recurrence_due *due);

/** What a new occurrence has of its own. */
struct series_birth {
    struct uuid id, owner_id;
    int64_t now_ms;
    struct arena *arena; /* of its reminders; the other texts are shared */
};

/** Make the next occurrence in `*task`, and note it in the series. */
void series_make_next(struct series *series, const struct recurrence_due *due,
                      const struct series_birth *birth, struct task *task);

#endif

#include "services/recurring-task/domain/decision.h"

#include "common/events/reminder.h"
#include "services/recurring-task/domain/next.h"

/* That an occurrence ended is a fact: what became of its task later does not take back the next one.
 * An open one that is away produces nothing until it is back. */
bool decision_needs_rule(const struct series *series)
{
    bool is_said = series->emitted_version == series->version &&
                   series->emitted_occurrence > series->occurrence;

    return series->rule != NULL && !is_said && (series->ended_at != 0 || !series->is_away);
}

/* What cannot be read rings nowhere either. */
const char *decision_lead(const struct task *task, struct arena *arena)
{
    static const int64_t DAY_S = 24 * 60 * 60;
    const char *lead = NULL;
    struct reminder *reminders;
    int64_t earliest_s = 0;
    struct err ignored = {0};

    if (!reminders_read(&task->reminders, arena, &reminders, &ignored))
        return NULL;
    for (size_t i = 0; i < task->reminders.n_items; i++) {
        struct duration offset;

        if (reminders[i].offset == NULL ||
            !duration_read(reminders[i].offset, "offset", &offset, &ignored) ||
            offset.days * DAY_S + offset.seconds >= earliest_s)
            continue;
        earliest_s = offset.days * DAY_S + offset.seconds;
        lead = reminders[i].offset;
    }
    return lead;
}

static bool read_definition(const struct series *series, const struct zone *zone,
                            struct series_rule *read, struct err *err)
{
    *read = (struct series_rule){
        .anchor = series->anchor,
        .missed = series->missed,
        .zone = zone,
        .from = series->start_occurrence,
    };
    if (!rule_read(series->rule, "recurrence", &read->rule, err))
        return false;
    if (series->anchor == TASK_ANCHOR_NONE || series->missed == TASK_MISSED_NONE ||
        series->start_occurrence < 1 || series->scheduled_at == 0)
        return err_set(err, ERR_INVALID,
                       "a rule comes with anchor, missed, series_from and scheduled_at");
    if (series->start == NULL || !local_time_read(series->start, &read->start))
        return err_set(err, ERR_INVALID, "series_start: \"%s\" is no wall clock time",
                       series->start != NULL ? series->start : "");
    return series->lead == NULL || duration_read(series->lead, "lead", &read->lead, err);
}

bool decision_make(const struct series *series, const struct zone *zone, int64_t now_ms,
                   struct decision *decision, struct err *err)
{
    const struct series_newest newest = {
        .number = series->occurrence,
        .scheduled_at = series->scheduled_at,
        .ended_at = series->ended_at,
    };
    struct series_rule rule;
    struct next next;

    *decision = (struct decision){0};
    if (!read_definition(series, zone, &rule, err))
        return false;
    next = next_decide(&rule, &newest, now_ms);
    if (next.kind == NEXT_WAIT) {
        decision->decide_at = next.wait_until;
    } else if (next.kind == NEXT_MAKE) {
        decision->is_due = true;
        decision->due = (struct recurrence_due){
            .series_id = series->id,
            .series_version = series->version,
            .occurrence = series->occurrence + 1,
            .due_at = next.due_at,
            .previous_id = series->task_id,
            .skips_previous = next.skips_previous,
        };
    }
    return true;
}

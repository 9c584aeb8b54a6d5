#include "services/recurring-task/domain/next.h"

#include "common/events/task.h"

enum { CATCH_UP_DAYS = 31, MS_AN_HOUR = 3600000, WINDOW_PERIODS = 2, WINDOW_GROWTH = 8 };

/* how long a period of each FREQ is, at most */
static const int period_hours[] = {
    [RULE_HOURLY] = 1,        [RULE_DAILY] = 25,        [RULE_WEEKLY] = 7 * 24 + 1,
    [RULE_MONTHLY] = 31 * 25, [RULE_YEARLY] = 366 * 25,
};

/** 0 is no instant: the rule has ended. */
static struct next make_at(const struct series_rule *series, struct expanded how)
{
    return (struct next){.kind = how.at == 0 ? NEXT_ENDED : NEXT_MAKE,
                         .due_at = how.at,
                         .how = how,
                         .start = series->start};
}

static struct next wait_until(int64_t at)
{
    return (struct next){.kind = NEXT_WAIT, .wait_until = at};
}

/** Return the first instant of the rule after `at`; at 0 when there is none. */
static struct expanded find_first(const struct series_rule *series, int64_t at)
{
    struct expansion *expansion = expansion_new(&series->rule, &series->start, series->zone);
    struct expanded found;

    if (!expansion_after(expansion, at, &found))
        found = (struct expanded){0};
    expansion_free(expansion);
    return found;
}

/** Return the latest instant of the rule after `after` and not after `last`; at 0 when there is none.
 *  Going back from `last` in growing windows, so that a long time away costs no long walk. */
static struct expanded find_latest(const struct series_rule *series, int64_t after, int64_t last)
{
    struct expansion *expansion = expansion_new(&series->rule, &series->start, series->zone);
    int64_t window = (int64_t)period_hours[series->rule.freq] * MS_AN_HOUR * series->rule.interval *
                     WINDOW_PERIODS;
    int64_t from = last;
    struct expanded next, found = {0};

    while (found.at == 0 && from > after) {
        bool ok;

        /* with COUNT each try walks from the start: one is enough */
        from = series->rule.count > 0 || last - after < window ? after : last - window;
        for (ok = expansion_after(expansion, from, &next); ok && next.at <= last;
             ok = expansion_next(expansion, &next))
            found = next;
        window *= WINDOW_GROWTH;
    }
    expansion_free(expansion);
    return found;
}

/** Return when an open series gets the occurrence of instant `first`: in time for its reminders. */
static int64_t begin_of(const struct series_rule *series, const struct series_newest *newest,
                        int64_t first)
{
    int64_t at = first;

    if (series->lead.days < 0 || series->lead.seconds < 0)
        at = duration_add(&series->lead, first, series->zone) - NEXT_MARGIN_MS;
    return at > newest->scheduled_at ? at : newest->scheduled_at;
}

static struct next decide_catch_up(const struct series_rule *series,
                                   const struct series_newest *newest, int64_t now_ms)
{
    int64_t oldest = now_ms - CATCH_UP_DAYS * INT64_C(24) * MS_AN_HOUR;
    struct expanded first =
        find_first(series, oldest > newest->scheduled_at ? oldest : newest->scheduled_at);

    int64_t begin;

    if (first.at == 0)
        return (struct next){.kind = NEXT_ENDED};
    begin = begin_of(series, newest, first.at);
    return newest->ended_at != 0 || begin <= now_ms ? make_at(series, first) : wait_until(begin);
}

static struct next decide_collapse(const struct series_rule *series,
                                   const struct series_newest *newest)
{
    if (newest->ended_at == 0)
        return wait_until(0);
    return make_at(series, find_first(series, newest->ended_at > newest->scheduled_at
                                                  ? newest->ended_at
                                                  : newest->scheduled_at));
}

static struct next decide_skip(const struct series_rule *series, const struct series_newest *newest,
                               int64_t now_ms)
{
    bool is_open = newest->ended_at == 0;
    struct expanded latest =
        find_latest(series, newest->scheduled_at, is_open ? now_ms : newest->ended_at);
    struct expanded first;
    struct next next;

    if (latest.at != 0) {
        next = make_at(series, latest);
        next.skips_previous = is_open;
        return next;
    }
    first = find_first(series, newest->scheduled_at);
    if (first.at == 0)
        return (struct next){.kind = NEXT_ENDED};
    return is_open ? wait_until(first.at) : make_at(series, first);
}

/** An hourly rule begins anew at the minute of the end: "8 hours after" knows no time of day. */
static struct next decide_after_completion(const struct series_rule *series,
                                           const struct series_newest *newest)
{
    const struct rule *rule = &series->rule;
    struct series_rule anew = *series;
    int64_t begins_at;

    if (newest->ended_at == 0)
        return wait_until(0);
    if (rule->count > 0 && newest->number - series->from + 1 >= rule->count)
        return (struct next){.kind = NEXT_ENDED};
    anew.rule.count = 0;
    anew.start = zone_local(series->zone, newest->ended_at);
    anew.start.second = series->start.second;
    if (rule->freq != RULE_HOURLY) {
        anew.start.hour = series->start.hour;
        anew.start.minute = series->start.minute;
    }
    begins_at = zone_instant(series->zone, &anew.start, NULL);
    return make_at(&anew,
                   find_first(&anew, begins_at > newest->ended_at ? begins_at : newest->ended_at));
}

struct next next_decide(const struct series_rule *series, const struct series_newest *newest,
                        int64_t now_ms)
{
    if (series->anchor == TASK_ANCHOR_COMPLETION)
        return decide_after_completion(series, newest);
    if (series->missed == TASK_MISSED_CATCH_UP)
        return decide_catch_up(series, newest, now_ms);
    if (series->missed == TASK_MISSED_SKIP)
        return decide_skip(series, newest, now_ms);
    return decide_collapse(series, newest);
}

/* services/notification/domain/digest.h — once a day, at a time of the user's own, what is due. */
#ifndef SERVICES_NOTIFICATION_DOMAIN_DIGEST_H
#define SERVICES_NOTIFICATION_DOMAIN_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/recurrence/zone.h"

enum { DIGEST_DAY_SIZE = 11, DIGEST_TITLE_SIZE = 80 };

struct reminder_settings;

/** Return when a user wants his digest, "07:30"; NULL: not at all. It comes by mail alone, so not
 *  when mail is off. */
const char *digest_time(const struct reminder_settings *settings);

/** Which day a digest is of. */
struct digest_day {
    char on[DIGEST_DAY_SIZE]; /* "2026-11-21", the user's date */
    int64_t at;               /* when it was to come */
    int64_t until;            /* the end of the day: what is due before belongs to it */
};

/** Return the first instant after `after` at which the wall clock of `zone` (NULL: UTC) shows
 *  `digest_at`; 0 when that is NULL or no time. */
int64_t digest_next(const char *digest_at, const struct zone *zone, int64_t after);

/** Return the day of the newest digest that was to come by `now`. */
struct digest_day digest_newest(const char *digest_at, const struct zone *zone, int64_t now);

/** Say how much is due and how much overdue: "3 tasks are due today, 1 is overdue". */
void digest_write_title(int64_t n_due, int64_t n_overdue, char title[DIGEST_TITLE_SIZE]);

#endif

/* services/notification/work/work.h — what this process does by itself: it plans what is due when, sends
 * it, and takes over from processes that died. Every step claims or is guarded, so that any number
 * of replicas may do the same at once. */
#ifndef SERVICES_NOTIFICATION_WORK_WORK_H
#define SERVICES_NOTIFICATION_WORK_WORK_H

#include "common/recurrence/zone.h"
#include "common/service/due_work.h"
#include "common/service/service.h"
#include "services/notification/config.h"

struct channels;
struct lease;
struct sender;

struct work {
    struct service *service; /* borrowed, as the next three */
    const struct config *config;
    struct zone_cache *zones;
    struct channels *channels;
    struct due_work *users;    /* users' changes reach their tasks: users_step.c */
    struct due_work *schedule; /* changed tasks reach the ledger: schedule_step.c */
    struct due_work *digest;   /* the day's digest enters the ledger: digest_step.c */
    struct due_work *send;     /* what is due is sent: sender.c */
    struct due_work *purge;    /* what ended long ago is deleted: purge_step.c */
    struct lease *lease;
    struct sender *sender;
    int n_draining;
};

/** Make all of it, idle; `service`, `config`, `zones` and `channels` are set. */
void work_open(struct work *work);
void work_start(struct work *work);
/** The copy of tasks and users has changed. */
void work_wake(struct work *work);
/** Begin nothing more; end what is under way; give back what was not begun. The service's drain is
 *  held meanwhile. */
void work_drain(struct work *work);
void work_close(struct work *work); /* after the drain, or before the start */

/** Return a zone, valid until the loop's next turn; NULL for none and for what is none. */
const struct zone *work_zone(const struct work *work, const char *name, int64_t now_ms);

/** Return how long the ledger remembers a delivery that has ended. */
int64_t work_keep_ms(const struct work *work);

/* The steps; arg is the struct work. */
due_step_fn users_step, schedule_step, digest_step, purge_step;

#endif

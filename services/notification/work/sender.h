/* services/notification/work/sender.h — claims what is due and hands it to the channels. */
#ifndef SERVICES_NOTIFICATION_WORK_SENDER_H
#define SERVICES_NOTIFICATION_WORK_SENDER_H

#include "common/service/due_work.h"

struct sender;
struct work;

struct sender *sender_new(struct work *work); /* borrowed */
void sender_free(struct sender *sender);      /* idle or drained; NULL is fine */

/** The step of `work->send`: claim as much as there is room for. */
due_step_fn sender_step;

/** Begin no further send, of what is claimed already too. */
void sender_stop(struct sender *sender);

/** After that, and after the last step: give back what was not begun, wait for what was, until the database has all
 *  of it; then call `done`, never before returning. */
void sender_drain(struct sender *sender, void (*done)(void *arg), void *arg);

#endif

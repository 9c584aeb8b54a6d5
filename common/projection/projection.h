/* common/projection/projection.h — a service's own copy of the backend's tasks and users, fed by
 * task-events and user-events in whatever order and however often they come.
 *
 * What a task or user is like goes by its version: the newest is kept. That a task was purged or an
 * account deleted is a fact: it holds whatever the version, and a tombstone keeps it. A task whose
 * owner is not known yet is kept until he is. (A task in the trash is no fact: restoring undoes it.)
 *
 * Every statement holds the owner's row, so that a task and its owner's end cannot miss each other:
 * saving a task of an unknown owner makes his row, with version 0. What is kept of a task and a user
 * is the service's own: its store has the statements. */
#ifndef COMMON_PROJECTION_PROJECTION_H
#define COMMON_PROJECTION_PROJECTION_H

#include "common/dapr/deliver.h"
#include "common/events/task.h"
#include "common/events/user.h"
#include "common/pg/pg.h"
#include "common/service/service.h"

/** The statements of a service: what their parameters are and what they must do. All but bury_user
 *  store the event's id in the inbox, or do nothing when it is there. */
struct projection_store {
    /** $1 event id, $2 owner id, $3 task id, $4 version, then those of add_task. Keep the task if
     *  it is newer, not purged, and its owner's account not deleted. */
    const struct pg_statement *save_task;
    void (*add_task)(struct pg_params *params, const struct task *task);

    /** $1 event id, $2 owner id, $3 task id, $4 when. Leave a tombstone, unless the account is
     *  deleted: it has one for all. */
    const struct pg_statement *purge_task;

    /** $1 event id, $2 user id, $3 version, then those of add_user. Keep the user if he is newer
     *  and his account not deleted. */
    const struct pg_statement *save_user;
    void (*add_user)(struct pg_params *params, const struct user *user);

    /** $1 user id, $2 version, $3 when. Leave the account's tombstone: from its commit on no task
     *  of it can be added. */
    const struct pg_statement *bury_user;

    /** $1 event id, $2 user id. Remove some of what else belongs to it, so that a statement's limit
     *  is kept however much there is, and return how much; or, if there is nothing, 0 and the
     *  event's id is stored. Run until it returns 0. Apart from bury_user, since a statement that
     *  had waited for the owner's row would not see what was added meanwhile. */
    const struct pg_statement *forget_user;
};

/** First member of the struct app of a service that keeps a copy. */
struct projection_app {
    struct service service;               /* first member */
    const struct projection_store *store; /* static; set before the service is opened */
    void (*changed)(
        void *app); /* an event's statements ran: work may have fallen due; NULL: none */
};

/** Handle the event of a task, of a purged task, of a user, of a deleted account. The context is a
 *  struct projection_app. */
event_handler_fn projection_keep_task;
event_handler_fn projection_purge_task;
event_handler_fn projection_keep_user;
event_handler_fn projection_forget_user;

#endif

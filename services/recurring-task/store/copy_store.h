/* services/recurring-task/store/copy_store.h — the copy of the backend's tasks and users (task,
 * app_user), and what the tasks tell of their series. */
#ifndef SERVICES_RECURRING_TASK_STORE_COPY_STORE_H
#define SERVICES_RECURRING_TASK_STORE_COPY_STORE_H

#include "common/projection/projection.h"

extern const struct pg_statement COPY_SAVE_TASK, COPY_PURGE_TASK, COPY_SAVE_USER, COPY_BURY_USER,
    COPY_FORGET_USER;
extern const struct projection_store copy_store;

#endif

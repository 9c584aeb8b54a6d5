/* services/notification/work/lease.h — this process shows that it lives, and takes over the claims of
 * those that do not.
 *
 * A process counts its beats in its row. Whether another one lives is judged by what is seen here alone:
 * its count stood still for the whole lease, by our monotonic clock, and we have beaten ourselves
 * all the while. So neither an outage of the database nor a clock that was stepped makes anybody dead. */
#ifndef SERVICES_NOTIFICATION_WORK_LEASE_H
#define SERVICES_NOTIFICATION_WORK_LEASE_H

#include <stdbool.h>

#include "common/base/uuid.h"

struct lease;
struct log;
struct loop;
struct pg_pool;

struct lease_config {
    struct loop *loop;
    struct pg_pool *pool;
    const struct log *log;
    int lease_ms;
    void (*renewed)(void *arg); /* it is fresh again, or claims of a dead process came free */
    void *arg;
};

struct lease *lease_new(const struct lease_config *config);
void lease_free(struct lease *lease); /* idle or drained; NULL is fine */
void lease_start(struct lease *lease);

/** Return the id that our claims carry. */
const struct uuid *lease_id(const struct lease *lease);

/** Whether the last beat is so young that nobody takes us for dead while a send lasts that begins
 *  now. Claim nothing, begin nothing otherwise. */
bool lease_is_fresh(const struct lease *lease);

/** Stop, and remove our row; call `done`, never before returning. There must be no claims. */
void lease_drain(struct lease *lease, void (*done)(void *arg), void *arg);

#endif

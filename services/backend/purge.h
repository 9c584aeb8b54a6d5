/* services/backend/purge.h — what has expired is deleted, a bounded step at a time, with SKIP LOCKED
 * so that replicas do not wait for each other. */
#ifndef SERVICES_BACKEND_PURGE_H
#define SERVICES_BACKEND_PURGE_H

struct app;
struct purge;

/** Begin a round in a minute, then every PURGE_INTERVAL_S. */
struct purge *purge_new(struct app *app);
void purge_wake(struct purge *purge); /* begin a round now: an account was deleted */
void purge_free(struct purge *purge); /* NULL is fine */

#endif

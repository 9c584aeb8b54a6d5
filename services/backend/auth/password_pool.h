/* services/backend/auth/password_pool.h — passwords hashed by a few threads, so that the loop never
 * waits: argon2id, 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet), in PHC form.
 * The memory of a hash goes back to the system when it is done (libsodium maps and unmaps it). */
#ifndef SERVICES_BACKEND_AUTH_PASSWORD_POOL_H
#define SERVICES_BACKEND_AUTH_PASSWORD_POOL_H

#include "common/base/err.h"

struct loop;
struct metrics;
struct password_pool;

/** NULL when not even one thread could be started. */
struct password_pool *password_pool_new(struct loop *loop, struct metrics *metrics, int workers,
                                        int queue_max);
/** Wait for what is being hashed; every other waiting call gets ERR_UNAVAILABLE. NULL is fine. */
void password_pool_free(struct password_pool *pool);

/** Return whether a call now would find room in the queue. */
bool password_pool_has_room(struct password_pool *pool);

/** Receive the hash (of password_hash; borrowed) or whether the password is right. */
typedef void password_done_fn(void *arg, const char *hash, bool is_right, const struct err *err);

/** Hash `password`, borrowed until return. `done` runs once in the loop, never before returning;
 *  ERR_UNAVAILABLE when the queue is full. */
void password_hash(struct password_pool *pool, const char *password, password_done_fn *done,
                   void *arg);

/** Check `password` against `hash`. With `hash` NULL the same work is done and it is wrong. */
void password_check(struct password_pool *pool, const char *hash, const char *password,
                    password_done_fn *done, void *arg);

#endif

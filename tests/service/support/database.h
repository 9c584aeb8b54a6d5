/* tests/service/support/database.h — what C tests against a real PostgreSQL need: its URL, a
 * blocking connection of a superuser for the test's own statements, a proxy that can fail, and
 * waiting for a condition. `TEST_DATABASE_URL` names a database that the test may fill. */
#ifndef TESTS_SERVICE_SUPPORT_DATABASE_H
#define TESTS_SERVICE_SUPPORT_DATABASE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/net/loop.h"

enum { TEST_LIMIT_MS = 90000, TEST_URL_MAX = 512 };

/** Return TEST_DATABASE_URL: of a superuser. Fail the test when it is unset. */
const char *database_url(void);

/** Run statements; fail the test when one fails. */
void database_run(const char *sql, ...) __attribute__((format(printf, 1, 2)));

/** Return the only value of a query as a number; fail the test when there is none. */
long database_number(const char *sql, ...) __attribute__((format(printf, 1, 2)));

/** Turn the loop until `is_done(arg)`; fail the test after TEST_LIMIT_MS. */
void wait_until(struct loop *loop, bool (*is_done)(void *arg), void *arg, const char *what);

/** Turn the loop once, at most for `ms`. */
void turn_for(struct loop *loop, int ms);

/** A proxy on loopback in front of the server, in the same loop. */
struct proxy;
enum proxy_mode {
    PROXY_PASS,
    PROXY_REFUSE, /* closes what is open and takes nothing new, as a server that is down */
    PROXY_STALL,  /* takes everything and passes nothing on, as a network that swallows packets */
};
struct proxy *proxy_new(struct loop *loop);
void proxy_free(struct proxy *proxy);
void proxy_set_mode(struct proxy *proxy, enum proxy_mode mode);
int proxy_n_accepted(const struct proxy *proxy); /* connections so far */

/** Write the URL of `login` through the proxy (NULL: straight to the server). */
void database_url_of(const struct proxy *proxy, const char *login, const char *password,
                     char url[TEST_URL_MAX]);

#endif

/* tests/unit/support/server_fixture.h — an HTTP server with a handler for each kind of test, on a
 * loop that the test turns. */
#ifndef TESTS_UNIT_SUPPORT_SERVER_FIXTURE_H
#define TESTS_UNIT_SUPPORT_SERVER_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/log.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "tests/unit/support/net_peer.h"

enum { WAITING_MAX = 512, LARGE_BYTES = 8 * 1024 * 1024 };

/** Routes: /echo (any method) gives the body back, /wait (GET, POST) waits for the test, /large
 *  answers LARGE_BYTES, /empty 204, /things/{id} and /things/{id}/steps/{step} say what a handler
 *  can read, /query/required and /query/optional read an id and a limit (1 to 200, else 50) of the
 *  query, /upgrade leaves HTTP. */
struct server_fixture {
    struct loop *loop;
    struct metrics *metrics;
    struct log log;
    struct http_server *server;
    struct http_limits limits;
    int port;
    struct http_request *waiting[WAITING_MAX]; /* requests whose handler waits */
    size_t n_waiting;
    struct http_upgraded *upgraded;
    bool is_drained;
    bool is_guarded; /* requests without a header Token get 401 */
    unsigned n_handled;
};

/* for cmocka; *state is the fixture */
int server_fixture_set_up(void **state);
int server_fixture_tear_down(void **state);
void server_fixture_restart(struct server_fixture *f); /* with other limits */

/** Send one request on a connection of its own, with Connection: close; expect `status` and, unless
 *  NULL, `text` in the answer. */
void expect_answer(struct server_fixture *f, const char *head, int status, const char *text);
void expect_metric(struct server_fixture *f, const char *line);

/* for net_turn_until; the argument is the fixture */
bool has_no_connections(void *arg);
bool is_one_waiting(void *arg);

#endif

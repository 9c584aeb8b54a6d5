/* tests/unit/support/fake_sidecar.h — a sidecar in the test's own process: it records what it is
 * asked and answers what the test has lined up, 204 when there is nothing. */
#ifndef TESTS_UNIT_SUPPORT_FAKE_SIDECAR_H
#define TESTS_UNIT_SUPPORT_FAKE_SIDECAR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

struct fake_sidecar;
struct loop;

enum { FAKE_CALLS_MAX = 64 };

/** One request that came; texts live as long as the fake, "" where a header was missing. */
struct fake_call {
    const char *method, *path; /* with the query */
    const char *token, *content_type, *traceparent;
    const char *body;
    size_t n_bytes;
};

struct fake_sidecar *fake_sidecar_new(struct loop *loop);
void fake_sidecar_free(struct fake_sidecar *fake);
int fake_sidecar_port(const struct fake_sidecar *fake);

/** Line up an answer. `content_type` and `body` are borrowed for the life of the fake; a status of
 *  0 leaves the request unanswered for ever. */
void fake_sidecar_answer(struct fake_sidecar *fake, int status, const char *content_type,
                         const char *body);
size_t fake_sidecar_n_calls(const struct fake_sidecar *fake);
const struct fake_call *fake_sidecar_call(const struct fake_sidecar *fake, size_t index);

/** Run the loop until `*is_done`, which some callback sets; fail the test after 5 s. */
void fake_run_until(struct loop *loop, const bool *is_done);

#endif

/* common/dapr/secrets.h — secrets from the Dapr secret store, read again so that a rotated one is
 * in use within 60 s. A store that keeps one text per name holds the pairs as a JSON object. */
#ifndef COMMON_DAPR_SECRETS_H
#define COMMON_DAPR_SECRETS_H

#include <stddef.h>

#include "common/dapr/dapr.h"

struct log;

struct secret {
    struct secret_pair {
        const char *name;
        const char *value;
    } * pairs;
    size_t n_pairs;
};
const char *secret_value(const struct secret *secret, const char *name); /* NULL: none */

/** Take note of a secret that is new or has changed; borrowed. Return false with err set when it is
 *  unusable: it is logged (never the value), the old one stays in use, and it is read again. */
typedef bool secret_changed_fn(void *arg, const struct secret *secret, struct err *err);

struct secret_watch;

struct secret_source {
    const char *store, *name; /* borrowed for the life of the watch */
    int interval_ms;          /* between two reads; while the sidecar is away at most one second */
};

/** Read the secret at once, then at every interval, and call `changed` as needed. */
struct secret_watch *secret_watch_new(struct dapr *dapr, struct loop *loop, const struct log *log,
                                      const struct secret_source *source,
                                      secret_changed_fn *changed, void *arg);
const char *secret_watch_name(const struct secret_watch *watch);
bool secret_watch_is_loaded(const struct secret_watch *watch);
void secret_watch_free(struct secret_watch *watch); /* NULL is fine */

#endif

/* services/backend/domain/etag.h — the version of a task as an entity tag.
 * Source: RFC 9110 §8.8.3, §13.1.1 (If-Match), §13.1.2 (If-None-Match). */
#ifndef SERVICES_BACKEND_DOMAIN_ETAG_H
#define SERVICES_BACKEND_DOMAIN_ETAG_H

#include <stdbool.h>
#include <stdint.h>

enum { ETAG_SIZE = 24 };

/** Write `"<version>"` with its quotes. */
void etag_write(int64_t version, char text[ETAG_SIZE]);

enum etag_verdict { ETAG_MATCHES, ETAG_DIFFERS, ETAG_MALFORMED };

/** Hold a list of entity tags, or `*`, against `version`. With `is_strong` a weak tag never matches. */
enum etag_verdict etag_compare(const char *list, int64_t version, bool is_strong);

#endif

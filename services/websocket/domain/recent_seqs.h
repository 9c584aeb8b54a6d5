/* services/websocket/domain/recent_seqs.h — the newest seq of users whose updates passed lately,
 * whether they are connected or not.
 *
 * An update that passes between the issue of a ticket and the opening of its socket reaches nobody
 * here. The hello frame must tell of it, or a browser that is up to the ticket's seq would not ask
 * `sync`. A table of fixed size: a user may push another one out. */
#ifndef SERVICES_WEBSOCKET_DOMAIN_RECENT_SEQS_H
#define SERVICES_WEBSOCKET_DOMAIN_RECENT_SEQS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/uuid.h"

struct recent_seqs;

struct recent_seqs *recent_seqs_new(size_t n_users);
void recent_seqs_free(struct recent_seqs *recent); /* NULL is fine */
void recent_seqs_note(struct recent_seqs *recent, const struct uuid *user, int64_t seq);
/** Return the newest seq noted of `user`, 0 when none is known. */
int64_t recent_seqs_find(const struct recent_seqs *recent, const struct uuid *user);

#endif

/* services/audit/domain/seq_walk.h — looks for numbers of a source that are not in the chains.
 * A source counts each owner's changes from 1 without a gap; rows come ordered by (owner, seq). */
#ifndef SERVICES_AUDIT_DOMAIN_SEQ_WALK_H
#define SERVICES_AUDIT_DOMAIN_SEQ_WALK_H

#include <stdint.h>

#include "common/base/uuid.h"
#include "services/audit/domain/finding.h"

struct seq_row {
    struct uuid owner_id;
    int64_t seq;
    int64_t number;      /* of the entry in the owner's chain */
    int64_t recorded_at; /* when it was appended */
};

struct seq_walk {
    struct findings *findings; /* borrowed */
    int64_t now, patience_ms;
    int64_t n_in_flight; /* numbers that are missing, but may still come */
    struct uuid owner_id;
    int64_t seq, number;
};

/** Holes that showed within the last `patience_ms` before `now` are in flight, not findings. */
void seq_walk_init(struct seq_walk *walk, struct findings *findings, int64_t now,
                   int64_t patience_ms);
void seq_walk_next_source(struct seq_walk *walk); /* its rows begin with the first owner again */
void seq_walk_add(struct seq_walk *walk, const struct seq_row *row);

#endif

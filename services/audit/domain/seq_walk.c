#include "services/audit/domain/seq_walk.h"

#include <inttypes.h>
#include <string.h>

void seq_walk_init(struct seq_walk *walk, struct findings *findings, int64_t now,
                   int64_t patience_ms)
{
    *walk = (struct seq_walk){.findings = findings, .now = now, .patience_ms = patience_ms};
}

void seq_walk_next_source(struct seq_walk *walk)
{
    walk->owner_id.text[0] = '\0';
}

static void tell_hole(struct seq_walk *walk, const struct seq_row *row)
{
    int64_t first = walk->seq + 1, last = row->seq - 1;

    if (walk->now - row->recorded_at <= walk->patience_ms)
        walk->n_in_flight += last - first + 1;
    else if (first == last)
        findings_add(walk->findings, FINDING_HOLE, &row->owner_id, row->number,
                     "seq %" PRId64 " has not arrived, seq %" PRId64 " has", first, row->seq);
    else
        findings_add(walk->findings, FINDING_HOLE, &row->owner_id, row->number,
                     "seq %" PRId64 " to %" PRId64 " have not arrived, seq %" PRId64 " has", first,
                     last, row->seq);
}

void seq_walk_add(struct seq_walk *walk, const struct seq_row *row)
{
    if (strcmp(walk->owner_id.text, row->owner_id.text) != 0) {
        walk->owner_id = row->owner_id;
        walk->seq = 0;
    }
    if (row->seq > walk->seq + 1)
        tell_hole(walk, row);
    else if (row->seq <= walk->seq)
        findings_add(walk->findings, FINDING_HOLE, &row->owner_id, row->number,
                     "seq %" PRId64 " is also that of entry %" PRId64, row->seq, walk->number);
    walk->seq = row->seq;
    walk->number = row->number;
}

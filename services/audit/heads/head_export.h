/* services/audit/heads/head_export.h — the heads that moved, signed, into a file, every interval: what
 * a chain was can then be proved against whoever can write to the database.
 * Of several replicas one exports at a time; a line that stands twice harms nobody. */
#ifndef SERVICES_AUDIT_HEADS_HEAD_EXPORT_H
#define SERVICES_AUDIT_HEADS_HEAD_EXPORT_H

#include "services/audit/domain/head_line.h"

struct head_export;
struct log;
struct loop;
struct metrics;
struct pg_pool;

/** All borrowed for the life of the export. */
struct head_export_config {
    const char *directory;
    int interval_ms;
    struct loop *loop;
    struct pg_pool *pool;
    struct metrics *metrics; /* audit_chain_head_export_age_seconds, audit_heads_exported_total */
    const struct log *log;
};

/** Start; nothing is exported before the first head_export_set_keys. NULL with `err` when the
 *  directory cannot be written to. */
struct head_export *head_export_new(const struct head_export_config *config, struct err *err);
void head_export_set_keys(struct head_export *export, const struct head_line_keys *keys);

/** Start no further export; the one that runs goes on. */
void head_export_drain(struct head_export *export);

/** End it, in whatever state; answers of the pool that come later find it gone. NULL is fine. */
void head_export_free(struct head_export *export);

#endif

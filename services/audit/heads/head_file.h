/* services/audit/heads/head_file.h — lines into a file of the day, on disk before it says so, written
 * by a thread of its own: a slow volume must not stop the loop. */
#ifndef SERVICES_AUDIT_HEADS_HEAD_FILE_H
#define SERVICES_AUDIT_HEADS_HEAD_FILE_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct head_file;
struct loop;

typedef void head_file_done_fn(void *arg, const struct err *err);

/** Write below `directory` (borrowed for its life), which is made if it is not there. Fail with
 *  ERR_INTERNAL naming it when it cannot be written to. */
struct head_file *head_file_new(struct loop *loop, const char *directory, struct err *err);

/** Append `lines` (taken: left empty) to heads-YYYY-MM-DD.jsonl of the day of `now`, and fsync.
 *  `done` runs once, never before returning. One at a time. */
void head_file_append(struct head_file *file, struct buf *lines, int64_t now,
                      head_file_done_fn *done, void *arg);

/** Wait for what is being written; its `done` is not called any more. NULL is fine. */
void head_file_free(struct head_file *file);

#endif

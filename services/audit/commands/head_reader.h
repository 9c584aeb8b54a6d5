/* services/audit/commands/head_reader.h — the lines of exported heads, out of files and directories,
 * their signatures checked. Blocking: for the command line alone. */
#ifndef SERVICES_AUDIT_COMMANDS_HEAD_READER_H
#define SERVICES_AUDIT_COMMANDS_HEAD_READER_H

#include <stdio.h>

#include "services/audit/domain/finding.h"
#include "services/audit/domain/head_line.h"
#include "services/audit/store/walk_store.h"

enum { HEAD_READER_KEYS_MAX = 8 };

struct head_reader {
    unsigned char public_keys[HEAD_READER_KEYS_MAX][HEAD_LINE_PUBLIC_BYTES]; /* one must fit */
    size_t n_keys;
    char **paths; /* owned */
    size_t n_paths;
    size_t path;  /* that is being read */
    FILE *file;   /* NULL: none is open */
    int64_t line; /* number of the line in it */
    int64_t n_lines;
};

void head_reader_init(struct head_reader *reader);
void head_reader_clear(struct head_reader *reader);
MUST_CHECK bool head_reader_add_key(struct head_reader *reader, const char *base64,
                                    struct err *err);

/** Add a file, or all *.jsonl of a directory in the order of their names. */
MUST_CHECK bool head_reader_add_path(struct head_reader *reader, const char *path, struct err *err);

/** Fill `lines` with the next ones that are signed; none at the end. What is not signed by one of the
 *  keys is a fault; what is no line at all (one cut off by a crash) a warning. Return false when a
 *  file cannot be read. */
MUST_CHECK bool head_reader_next(struct head_reader *reader, struct walk_lines *lines,
                                 struct findings *findings, struct err *err);

#endif

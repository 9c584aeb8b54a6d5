/* common/pg/migrate.h — numbered SQL files, embedded in the binary, applied under an advisory lock.
 *
 * `up` applies what is missing, each in its own transaction, and stores its down script in
 * schema_migration, so that an older binary can go back. Blocking: for the command line alone. */
#ifndef COMMON_PG_MIGRATE_H
#define COMMON_PG_MIGRATE_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/err.h"

struct migration {
    int number;
    const char *name; /* "task_version" */
    const char *up;
    const char *down;
};

/** What to run on: the schema owner's URL, how long to wait until its server answers (0: not at all; a
 *  refusal of the login is final), and what the binary has. */
struct migrate_job {
    const char *url;
    int wait_s;
    const struct migration *migrations;
    size_t n_migrations;
};

/** Run `migrate up | down [N] | fit | status` (argv[0] is "migrate"); print a line per step to
 *  `out`. `down` goes back one, or to version N, by the stored scripts, newer ones than the binary
 *  knows included; `fit` goes back to the newest that it knows, and is for after a rollback. `up`
 *  fails when an applied file's text has changed since. */
MUST_CHECK bool migrate_run(const struct migrate_job *job, int argc, char **argv, FILE *out,
                            struct err *err);

#endif

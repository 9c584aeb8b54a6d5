/* tests/unit/support/rows.h — reads the data files of tests: a case a line, its cells between " | ";
 * empty lines and lines that begin with # are skipped. */
#ifndef TESTS_UNIT_SUPPORT_ROWS_H
#define TESTS_UNIT_SUPPORT_ROWS_H

#include <stddef.h>
#include <stdio.h>

enum { ROWS_CELLS_MAX = 8, ROWS_LINE_MAX = 4096 };

struct rows {
    FILE *file;
    const char *path;
    int line; /* counts from 1: for messages */
    size_t n_cells;
    char *cells[ROWS_CELLS_MAX];
    char text[ROWS_LINE_MAX];
};

/** Open; the test fails when it is not there. `path` is from the tree's root. */
void rows_open(struct rows *rows, const char *path);

/** Step to the next case; return false at the end, the file closed then. The test fails unless a
 *  case has `n_cells` cells. */
int rows_next(struct rows *rows, size_t n_cells);

#endif

#include "tests/unit/support/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void rows_open(struct rows *rows, const char *path)
{
    *rows = (struct rows){.file = fopen(path, "r"), .path = path};
    if (rows->file == NULL)
        fail_msg("%s: not there; run the tests from the tree's root", path);
}

static char *trim(char *cell)
{
    char *end = cell + strlen(cell);

    while (end > cell && end[-1] == ' ')
        *--end = '\0';
    return cell + strspn(cell, " ");
}

static void split(struct rows *rows)
{
    char *at = rows->text;

    rows->n_cells = 0;
    for (;;) {
        char *end = strstr(at, " |");

        if (rows->n_cells == ROWS_CELLS_MAX)
            fail_msg("%s:%d: more than %d cells", rows->path, rows->line, ROWS_CELLS_MAX);
        if (end != NULL)
            *end = '\0';
        rows->cells[rows->n_cells++] = trim(at);
        if (end == NULL)
            return;
        at = end + 2;
    }
}

int rows_next(struct rows *rows, size_t n_cells)
{
    while (fgets(rows->text, sizeof rows->text, rows->file) != NULL) {
        rows->line++;
        rows->text[strcspn(rows->text, "\n")] = '\0';
        if (rows->text[0] == '#' || rows->text[0] == '\0')
            continue;
        split(rows);
        if (rows->n_cells != n_cells)
            fail_msg("%s:%d: %zu cells instead of %zu", rows->path, rows->line, rows->n_cells,
                     n_cells);
        return 1;
    }
    fclose(rows->file);
    return 0;
}

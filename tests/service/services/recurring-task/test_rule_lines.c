/* Expand the rules that come on stdin, for test_recurrence_rules.py. A line is
 *   rule|start|zone|how many[|after this instant, ms]
 * and is answered by a line of instants in seconds, "-" where there is none. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/recurring-task/domain/expand.h"

enum { COLUMNS = 5 };

/** Print up to `n` instants, the first of them after `after` unless that is NULL. */
static void print_instants(struct expansion *expansion, long n, const char *after)
{
    struct expanded next;
    bool ok = after != NULL ? expansion_after(expansion, strtoll(after, NULL, 10), &next)
                            : expansion_next(expansion, &next);

    if (!ok)
        printf("-");
    for (long i = 0; ok && i < n; i++) {
        printf("%s%" PRId64, i > 0 ? " " : "", next.at / 1000);
        ok = expansion_next(expansion, &next);
    }
    printf("\n");
}

static bool answer(char *line, struct zone_cache *zones)
{
    char *columns[COLUMNS] = {NULL}, *rest = line;
    struct expansion *expansion;
    const struct zone *zone;
    struct local_time start;
    struct err err = {0};
    struct rule rule;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = strsep(&rest, "|");
    if (columns[3] == NULL || !local_time_read(columns[1], &start) ||
        !rule_read(columns[0], "rule", &rule, &err) ||
        (zone = zone_cache_get(zones, columns[2], 0, &err)) == NULL) {
        fprintf(stderr, "%s: %s\n", line, err.text);
        return false;
    }
    expansion = expansion_new(&rule, &start, zone);
    print_instants(expansion, strtol(columns[3], NULL, 10), columns[4]);
    expansion_free(expansion);
    return true;
}

int main(void)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    size_t capacity = 0;
    char *line = NULL;
    bool ok = true;

    while (ok && getline(&line, &capacity, stdin) > 0)
        ok = answer(line, zones);
    free(line);
    zone_cache_free(zones);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* services/backend/domain/task_query.h — which tasks a list asks for: filters, order, and the cursor
 * that goes on where a page ended. The cursor holds the sort key of the page's last task, so that
 * what is added or removed elsewhere shifts nothing. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_QUERY_H
#define SERVICES_BACKEND_DOMAIN_TASK_QUERY_H

#include <stdint.h>

#include "common/events/task.h"

enum { TASK_QUERY_LIMIT_MAX = 200, TASK_QUERY_LIMIT_INITIAL = 50, TASK_QUERY_TEXT_MAX = 200 };

enum task_sort { TASK_SORT_CREATED, TASK_SORT_DUE, TASK_SORT_PRIORITY, TASK_SORT_TITLE };
enum { TASK_N_SORTS = 4 };
extern const char *const task_sort_words[]; /* "created", …, NULL */
enum task_order { TASK_ASCENDING, TASK_DESCENDING };
extern const char *const task_order_words[]; /* "asc", "desc", NULL */

/** Where a page ended: the last task, and what it was sorted by. */
struct task_position {
    struct uuid id;    /* "": before the first */
    int64_t number;    /* its due_at (0: none) or priority */
    const char *title; /* when sorted by title */
};

/** -1, 0 and NULL: not asked for. */
struct task_query {
    int is_trash; /* 1: the trash alone; 0: all but the trash */
    int status, priority;
    int64_t due_after, due_before; /* at or after; before */
    int is_overdue;                /* 0: those that are not, 1: those that are */
    const char *tag_key;           /* in lower case */
    struct uuid series_id;         /* "": not asked for */
    const char *text;              /* words to search for */
    int sort, order;               /* order -1: the usual one of the sort */
    int64_t limit;
    struct task_position after;
};

/** The parameters of the query string; NULL ends. The last is "cursor". */
extern const char *const task_query_names[];

/** Ask for everything. */
void task_query_init(struct task_query *query);

/** Take the value of a parameter (NULL: absent); what is kept of it goes into the arena. Take them
 *  in the order of task_query_names: the cursor is held against the rest. Fail with a field entry
 *  that names the rule. */
MUST_CHECK bool task_query_take(struct task_query *query, const char *name, const char *value,
                                struct arena *arena, struct err *err);

/** Return the order asked for, or the usual one of the sort. */
enum task_order task_query_order(const struct task_query *query);

/** Return the cursor that goes on after `last`, in the arena. */
const char *task_query_cursor(const struct task_query *query, const struct task *last,
                              struct arena *arena);

#endif

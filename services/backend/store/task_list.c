#include "services/backend/store/task_list.h"

#include "services/backend/store/notification_row.h"
#include "services/backend/store/task_row.h"

/* 1 owner  2 trash  3 status  4 priority  5 due after  6 due before  7 overdue  8 now  9 tag
 * 10 id and 12 sort key of the last task of the page before  11 limit  13 series  14 text */
#define LIST_FROM(search)                                                                          \
    "SELECT " TASK_COLUMNS " FROM task t WHERE t.owner_id = $1::uuid " search                      \
    "AND (t.deleted_at IS NOT NULL) = $2::boolean "                                                \
    "AND ($3::smallint IS NULL OR t.status = $3) "                                                 \
    "AND ($4::smallint IS NULL OR t.priority = $4) "                                               \
    "AND ($5::timestamptz IS NULL OR t.due_at >= $5) "                                             \
    "AND ($6::timestamptz IS NULL OR t.due_at < $6) "                                              \
    "AND ($7::boolean IS NULL OR"                                                                  \
    "  coalesce(t.status = 0 AND t.due_at < $8::timestamptz, false) = $7) "                        \
    "AND ($9::text IS NULL OR t.tag_keys @> ARRAY[$9]) "                                           \
    "AND ($13::uuid IS NULL OR t.series_id = $13) "

/* UUIDs of version 7 are in the order of creation: the primary key has it. */
#define BY_ID(compare, nothing, order)                                                             \
    "AND t.id " compare " coalesce($10::uuid, '" nothing "') AND $12::text IS NULL "               \
    "ORDER BY t.id " order " LIMIT $11::integer"

#define BY_KEY(key, type, compare, order)                                                          \
    "AND ($10::uuid IS NULL OR (" key ", t.id) " compare " ($12::" type ", $10)) "                 \
    "ORDER BY " key " " order ", t.id " order " LIMIT $11::integer"

/* Titles as people sort them, the same in every database: the root collation of Unicode. */
#define TITLE "t.title COLLATE \"und-x-icu\""
/* What is not due comes last, whatever the order. */
#define DUE_UP "coalesce(t.due_at, 'infinity')"
#define DUE_DOWN "coalesce(t.due_at, '-infinity')"
#define NO_ID "00000000-0000-0000-0000-000000000000"
#define END_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"

#define LISTS(name, search)                                                                        \
    {                                                                                              \
        {"task_" name "_created_asc", LIST_FROM(search) BY_ID(">", NO_ID, "ASC")},                 \
            {"task_" name "_created_desc", LIST_FROM(search) BY_ID("<", END_ID, "DESC")},          \
            {"task_" name "_due_asc",                                                              \
             LIST_FROM(search) BY_KEY(DUE_UP, "timestamptz", ">", "ASC")},                         \
            {"task_" name "_due_desc",                                                             \
             LIST_FROM(search) BY_KEY(DUE_DOWN, "timestamptz", "<", "DESC")},                      \
            {"task_" name "_priority_asc",                                                         \
             LIST_FROM(search) BY_KEY("t.priority", "smallint", ">", "ASC")},                      \
            {"task_" name "_priority_desc",                                                        \
             LIST_FROM(search) BY_KEY("t.priority", "smallint", "<", "DESC")},                     \
            {"task_" name "_title_asc", LIST_FROM(search) BY_KEY(TITLE, "text", ">", "ASC")},      \
            {"task_" name "_title_desc", LIST_FROM(search) BY_KEY(TITLE, "text", "<", "DESC")},    \
    }

const struct pg_statement TASK_LISTS[TASK_N_LISTS] = LISTS("list", "");

/* What has no word in it finds nothing. */
const struct pg_statement TASK_SEARCHES[TASK_N_LISTS] =
    LISTS("search", "AND t.search @@ (('''owner=' || $1 || '''')::tsquery"
                    "  && websearch_to_tsquery('simple', $14))"
                    "AND numnode(websearch_to_tsquery('simple', $14)) > 0 ");

/* A read on its way. */
struct task_listing {
    struct store_call call;
    struct uuid owner_id;
    size_t limit;
    void *target;
};

static struct task_listing *listing_new(const struct store_call *call, const struct uuid *owner_id,
                                        int64_t limit, void *target)
{
    struct task_listing *listing = ARENA_NEW(call->arena, struct task_listing);

    *listing = (struct task_listing){
        .call = *call, .owner_id = *owner_id, .limit = (size_t)limit, .target = target};
    return listing;
}

static void add_choice(struct pg_params *params, int choice)
{
    if (choice < 0)
        pg_add_text(params, NULL);
    else
        pg_add_int(params, choice);
}

static void add_position(struct pg_params *params, const struct task_query *query, bool is_down)
{
    const struct task_position *after = &query->after;

    if (after->id.text[0] == '\0' || query->sort == TASK_SORT_CREATED)
        pg_add_text(params, NULL);
    else if (query->sort == TASK_SORT_TITLE)
        pg_add_text(params, after->title);
    else if (query->sort == TASK_SORT_PRIORITY)
        pg_add_int(params, after->number);
    else if (after->number == 0)
        pg_add_text(params, is_down ? "-infinity" : "infinity");
    else
        pg_add_time(params, after->number);
}

static pg_done_fn on_listed;

void task_list_read(const struct store_call *call, const struct uuid *owner_id,
                    const struct task_query *query, int64_t now_ms, struct task_page *page)
{
    bool is_down = task_query_order(query) == TASK_DESCENDING;
    int which = 2 * query->sort + is_down;
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_bool(&params, query->is_trash);
    add_choice(&params, query->status);
    add_choice(&params, query->priority);
    pg_add_time(&params, query->due_after);
    pg_add_time(&params, query->due_before);
    if (query->is_overdue < 0)
        pg_add_text(&params, NULL);
    else
        pg_add_bool(&params, query->is_overdue);
    pg_add_time(&params, now_ms);
    pg_add_text(&params, query->tag_key);
    pg_add_text(&params, query->after.id.text[0] == '\0' ? NULL : query->after.id.text);
    pg_add_int(&params, query->limit + 1);
    add_position(&params, query, is_down);
    pg_add_text(&params, query->series_id.text[0] == '\0' ? NULL : query->series_id.text);
    if (query->text != NULL)
        pg_add_text(&params, query->text);
    pg_query(call->pool, query->text == NULL ? &TASK_LISTS[which] : &TASK_SEARCHES[which], &params,
             on_listed, listing_new(call, owner_id, query->limit, page));
}

/* One row more than the page holds was asked for, to know whether there is more. */
static size_t cut_rows(const struct pg_rows *rows, size_t limit, bool *has_more)
{
    size_t n_rows = (size_t)pg_n_rows(rows);

    *has_more = n_rows > limit;
    return *has_more ? limit : n_rows;
}

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_listing *listing = arg;
    struct task_page *page = listing->target;
    struct arena *arena = listing->call.arena;

    if (err == NULL) {
        page->n_tasks = cut_rows(rows, listing->limit, &page->has_more);
        page->tasks = ARENA_NEW_ARRAY(arena, page->n_tasks, struct task);
        for (size_t i = 0; i < page->n_tasks; i++)
            task_row_read(rows, (int)i, 0, &listing->owner_id, arena, &page->tasks[i]);
    }
    listing->call.done(listing->call.arg, err);
}

/* One statement, so one instant: what its snapshot shows of seq it shows of the rest. Columns of what a
 * change is not about are those of a row that is not there. */
#define NO_TASK "LEFT JOIN task t ON false"
#define NO_NOTIFICATION "LEFT JOIN notification n ON false"
#define NEWS(kind) kind ", " NOTIFICATION_COLUMNS ", " TASK_COLUMNS
const struct pg_statement TASK_CHANGES = {
    "task_changes",
    "SELECT a.seq, a.sync_floor, a.unread_count, c.* FROM account a LEFT JOIN LATERAL ("
    "  (SELECT t.seq, NULL::uuid, " NEWS(
        "0") " FROM task t " NO_NOTIFICATION
             "   WHERE t.owner_id = $1::uuid AND t.seq > $2::bigint ORDER BY t.seq LIMIT $3::integer)"
             "  UNION ALL"
             "  (SELECT s.seq, s.id, " NEWS(
                 "1") " FROM task_tombstone s " NO_TASK " " NO_NOTIFICATION
                      "   WHERE s.owner_id = $1 AND s.seq > $2 AND $2 > 0 ORDER BY s.seq LIMIT $3)"
                      "  UNION ALL"
                      "  (SELECT n.seq, NULL, " NEWS(
                          "2") " FROM notification n " NO_TASK
                               "   WHERE n.owner_id = $1 AND n.seq > $2 ORDER BY n.seq LIMIT $3)"
                               "  UNION ALL"
                               "  (SELECT a.all_read_seq, NULL, " NEWS(
                                   "3") " FROM (SELECT) AS one " NO_TASK " " NO_NOTIFICATION
                                        "   WHERE a.all_read_seq > $2 AND $2 > 0)"
                                        "  ORDER BY 1 LIMIT $3) AS c ON true "
                                        "WHERE a.id = $1 ORDER BY c.seq",
};
enum {
    COLUMN_OWNER_SEQ,
    COLUMN_FLOOR,
    COLUMN_UNREAD,
    COLUMN_SEQ,
    COLUMN_PURGED_ID,
    COLUMN_KIND,
    COLUMN_NOTIFICATION,
    COLUMN_TASK = COLUMN_NOTIFICATION + NOTIFICATION_N_COLUMNS,
};
static pg_done_fn on_changes_read;

void task_list_changes(const struct store_call *call, const struct uuid *owner_id, int64_t since,
                       int limit, struct task_changes *changes)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_int(&params, since);
    pg_add_int(&params, limit + 1);
    pg_query(call->pool, &TASK_CHANGES, &params, on_changes_read,
             listing_new(call, owner_id, limit, changes));
}

static void read_change(const struct pg_rows *rows, int row, const struct task_listing *listing,
                        struct task_news *change)
{
    struct arena *arena = listing->call.arena;

    change->seq = pg_int(rows, row, COLUMN_SEQ);
    change->kind = (enum task_news_kind)pg_int(rows, row, COLUMN_KIND);
    switch (change->kind) {
    case NEWS_TASK:
        task_row_read(rows, row, COLUMN_TASK, &listing->owner_id, arena, &change->task);
        break;
    case NEWS_TASK_PURGED:
        uuid_read(pg_text(rows, row, COLUMN_PURGED_ID), &change->task.id);
        break;
    case NEWS_NOTIFICATION:
        notification_row_read(rows, row, COLUMN_NOTIFICATION, arena, &change->notification);
        break;
    case NEWS_ALL_READ:
        break;
    }
}

static void read_changes(const struct pg_rows *rows, const struct task_listing *listing,
                         struct task_changes *changes)
{
    *changes = (struct task_changes){
        .owner_seq = pg_int(rows, 0, COLUMN_OWNER_SEQ),
        .sync_floor = pg_int(rows, 0, COLUMN_FLOOR),
        .unread = pg_int(rows, 0, COLUMN_UNREAD),
    };
    if (pg_is_null(rows, 0, COLUMN_SEQ)) /* the account's row alone */
        return;
    changes->n_changes = cut_rows(rows, listing->limit, &changes->has_more);
    changes->changes = ARENA_NEW_ARRAY(listing->call.arena, changes->n_changes, struct task_news);
    for (size_t i = 0; i < changes->n_changes; i++)
        read_change(rows, (int)i, listing, &changes->changes[i]);
}

static void on_changes_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_listing *listing = arg;
    struct err gone = {0};

    if (err == NULL && pg_n_rows(rows) == 0) {
        err_set(&gone, ERR_NOT_FOUND, "this account was deleted");
        err = &gone;
    }
    if (err == NULL)
        read_changes(rows, listing, listing->target);
    listing->call.done(listing->call.arg, err);
}

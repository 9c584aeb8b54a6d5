#include "services/backend/store/series_store.h"

#include <string.h>

#include "services/backend/store/task_row.h"

/* A call on its way. */
struct series_call {
    struct store_call call;
    struct uuid owner_id;
    size_t limit;
    void *target;
};

static struct series_call *series_call_new(const struct store_call *call,
                                           const struct uuid *owner_id, int64_t limit, void *target)
{
    struct series_call *c = ARENA_NEW(call->arena, struct series_call);

    *c = (struct series_call){*call, *owner_id, (size_t)limit, target};
    return c;
}

static void finish(const struct series_call *c, const struct err *err)
{
    c->call.done(c->call.arg, err);
}

/* One row more than the page holds was asked for, to know whether there is more. */
static size_t cut_rows(const struct pg_rows *rows, size_t limit, bool *has_more)
{
    const size_t n_rows = (size_t)pg_n_rows(rows);

    *has_more = n_rows > limit;
    return *has_more ? limit : n_rows;
}

const struct pg_statement SERIES_GET = {
    "series_get",
    "SELECT " SERIES_COLUMNS ", " TASK_COLUMNS " FROM series s "
    "JOIN account a ON a.id = s.owner_id " /* what a deleted one leaves behind is nobody's */
    "LEFT JOIN task t ON t.owner_id = s.owner_id AND t.id = s.newest_id "
    "WHERE s.owner_id = $1::uuid AND s.id = $2::uuid",
};
static pg_done_fn on_got;

void series_store_get(const struct store_call *call, const struct uuid *owner_id,
                      const struct uuid *id, struct series_state *state)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_text(&params, id->text);
    pg_lookup(call->pool, &SERIES_GET, &params, on_got, series_call_new(call, owner_id, 0, state));
}

static void on_got(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct series_call *c = arg;
    struct series_state *state = c->target;

    *state = (struct series_state){.series = series_none};
    if (err == NULL && pg_n_rows(rows) > 0) {
        series_row_read(rows, 0, 0, c->call.arena, &state->series);
        state->has_newest = !pg_is_null(rows, 0, SERIES_N_COLUMNS);
        if (state->has_newest)
            task_row_read(rows, 0, SERIES_N_COLUMNS, &c->owner_id, c->call.arena, &state->newest);
    }
    finish(c, err);
}

const struct pg_statement SERIES_OCCURRENCES = {
    "series_occurrences",
    "SELECT t.occurrence, t.id, t.title, t.due_at, t.scheduled_at, t.status, t.completed_at,"
    " t.deleted_at FROM series s LEFT JOIN task t ON t.owner_id = s.owner_id"
    " AND t.series_id = s.id AND ($3::bigint = 0 OR t.occurrence < $3) "
    "WHERE s.owner_id = $1::uuid AND s.id = $2::uuid ORDER BY t.occurrence DESC LIMIT $4::integer",
};
static pg_done_fn on_occurrences_read;

void series_store_occurrences(const struct store_call *call, const struct uuid *owner_id,
                              const struct uuid *id, int64_t before, int64_t limit,
                              struct occurrence_page *page)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_text(&params, id->text);
    pg_add_int(&params, before);
    pg_add_int(&params, limit + 1);
    pg_query(call->pool, &SERIES_OCCURRENCES, &params, on_occurrences_read,
             series_call_new(call, owner_id, limit, page));
}

static void read_occurrence(const struct pg_rows *rows, int row, struct arena *arena,
                            struct occurrence *occurrence)
{
    *occurrence = (struct occurrence){
        .number = pg_int(rows, row, 0),
        .title = pg_copy_text(rows, row, 2, arena),
        .due_at = pg_time(rows, row, 3),
        .scheduled_at = pg_time(rows, row, 4),
        .status = (int)pg_int(rows, row, 5),
        .ended_at = pg_time(rows, row, 6),
        .deleted_at = pg_time(rows, row, 7),
    };
    memcpy(occurrence->task_id.text, pg_text(rows, row, 1), UUID_TEXT_SIZE);
}

static void on_occurrences_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct series_call *c = arg;
    struct occurrence_page *page = c->target;

    *page = (struct occurrence_page){0};
    if (err == NULL && pg_n_rows(rows) > 0) {
        page->is_there = true;
        if (!pg_is_null(rows, 0, 0)) /* the series' row alone: nothing before that number */
            page->n_occurrences = cut_rows(rows, c->limit, &page->has_more);
        page->occurrences = ARENA_NEW_ARRAY(c->call.arena, page->n_occurrences, struct occurrence);
        for (size_t i = 0; i < page->n_occurrences; i++)
            read_occurrence(rows, (int)i, c->call.arena, &page->occurrences[i]);
    }
    finish(c, err);
}

const struct pg_statement SERIES_LIST = {
    "series_list",
    "SELECT " SERIES_COLUMNS
    " FROM series s WHERE s.owner_id = $1::uuid AND s.id = ANY ($2::uuid[]) "
    "ORDER BY s.id",
};
static pg_done_fn on_list_read;

void series_store_list(const struct store_call *call, const struct uuid *owner_id,
                       const struct json_texts *ids, struct series_list *list)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_texts(&params, ids->items, ids->n_items);
    pg_query(call->pool, &SERIES_LIST, &params, on_list_read,
             series_call_new(call, owner_id, 0, list));
}

static void on_list_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct series_call *c = arg;
    struct series_list *list = c->target;

    *list = (struct series_list){0};
    if (err == NULL) {
        list->n_series = (size_t)pg_n_rows(rows);
        list->series = ARENA_NEW_ARRAY(c->call.arena, list->n_series, struct series);
        for (size_t i = 0; i < list->n_series; i++)
            series_row_read(rows, (int)i, 0, c->call.arena, &list->series[i]);
    }
    finish(c, err);
}

#include "services/audit/store/head_store.h"

#include <inttypes.h>

#include "common/base/mem.h"
#include "services/audit/store/entry_row.h"

enum { WINDOW_HEADS = 250 /* signing them must not hold up the loop */ };

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

struct head_call {
    struct head_turn *turn;
    struct arena *arena;
    struct uuid *after;
    struct head_page *page;
    chain_done_fn *done;
    void *arg;
};

static struct head_call *make_call(chain_done_fn *done, void *arg)
{
    struct head_call *call = MEM_NEW(struct head_call);

    call->done = done;
    call->arg = arg;
    return call;
}

static void end_call(struct head_call *call, const struct err *err)
{
    chain_done_fn *done = call->done;
    void *arg = call->arg;

    mem_free(call);
    done(arg, err);
}

static void on_done(void *arg, const struct pg_rows *rows, const struct err *err)
{
    (void)rows;
    end_call(arg, err);
}

const struct pg_statement HEAD_TAKE_TURN = {
    "head_take_turn",
    "WITH turn AS (UPDATE head_export SET next_at = now() + make_interval(secs => $1::float8)"
    " WHERE next_at <= now() RETURNING 1)"
    " SELECT EXISTS (SELECT FROM turn),"
    " (extract(epoch FROM now() - finished_at) * 1000)::bigint FROM head_export",
};

static void on_turn_taken(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct head_call *call = arg;

    if (err == NULL)
        *call->turn =
            (struct head_turn){.is_ours = pg_bool(rows, 0, 0), .age_ms = pg_int(rows, 0, 1)};
    end_call(call, err);
}

void head_store_take_turn(struct pg_pool *pool, int interval_ms, struct head_turn *turn,
                          chain_done_fn *done, void *arg)
{
    struct head_call *call = make_call(done, arg);
    struct arena arena;
    struct pg_params params;

    call->turn = turn;
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, arena_format(&arena, "%d.%03d", interval_ms / 1000, interval_ms % 1000));
    pg_query(pool, &HEAD_TAKE_TURN, &params, on_turn_taken, call);
    arena_clear(&arena);
}

/* A window of heads, moved or not, so that each statement is short however few have moved. The row
 * without a hash tells where the window ends: no index has to know which heads moved, so an append
 * costs none. */
const struct pg_statement HEAD_LIST_DUE = {
    "head_list_due",
    "WITH heads AS MATERIALIZED (SELECT owner_id, number, hash, exported_number FROM chain_head"
    "  WHERE owner_id >= $1::uuid AND (owner_id > $1::uuid OR $2::boolean)"
    "  ORDER BY owner_id LIMIT $3::int)"
    " SELECT owner_id, number, hash FROM heads WHERE number > exported_number"
    " UNION ALL (SELECT owner_id, (SELECT count(*) FROM heads), NULL FROM heads"
    "  ORDER BY owner_id DESC LIMIT 1)",
};

static bool read_page(const struct pg_rows *rows, struct head_call *call, struct err *err)
{
    struct head_page *page = call->page;
    int n_rows = pg_n_rows(rows);

    *page = (struct head_page){.is_last = true};
    page->lines = ARENA_NEW_ARRAY(call->arena, (size_t)n_rows + 1, struct head_line);
    for (int row = 0; row < n_rows; row++) {
        struct head_line *line = &page->lines[page->n_lines];

        line->number = pg_int(rows, row, 1);
        if (!uuid_read(pg_text(rows, row, 0), &line->owner_id))
            return err_set(err, ERR_INTERNAL, "chain_head: owner_id is no UUID");
        if (pg_is_null(rows, row, 2)) {
            *call->after = line->owner_id;
            page->is_last = line->number < WINDOW_HEADS;
        } else if (entry_row_read_bytes(rows, row, 2, line->hash, sizeof(line->hash))) {
            page->n_lines++; /* a malformed one is for audit verify to find */
        }
    }
    return true;
}

static void on_due_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct head_call *call = arg;
    struct err own = {0};

    if (err == NULL && !read_page(rows, call, &own))
        err = &own;
    end_call(call, err);
}

void head_store_list_due(struct pg_pool *pool, struct arena *arena, struct uuid *after,
                         struct head_page *page, chain_done_fn *done, void *arg)
{
    struct head_call *call = make_call(done, arg);
    bool is_start = after->text[0] == '\0';
    struct pg_params params;

    call->arena = arena;
    call->after = after;
    call->page = page;
    pg_params_init(&params, arena);
    pg_add_text(&params, is_start ? NIL_UUID : after->text);
    pg_add_bool(&params, is_start);
    pg_add_int(&params, WINDOW_HEADS);
    pg_query(pool, &HEAD_LIST_DUE, &params, on_due_listed, call);
}

const struct pg_statement HEAD_MARK = {
    "head_mark",
    "UPDATE chain_head c SET exported_number = line.number"
    " FROM unnest($1::uuid[], $2::bigint[]) line (owner_id, number)"
    " WHERE c.owner_id = line.owner_id AND c.exported_number < line.number",
};

void head_store_mark(struct pg_pool *pool, struct arena *arena, const struct head_page *page,
                     chain_done_fn *done, void *arg)
{
    const char **owners = ARENA_NEW_ARRAY(arena, page->n_lines + 1, const char *);
    const char **numbers = ARENA_NEW_ARRAY(arena, page->n_lines + 1, const char *);
    struct pg_params params;

    for (size_t i = 0; i < page->n_lines; i++) {
        owners[i] = page->lines[i].owner_id.text;
        numbers[i] = arena_format(arena, "%" PRId64, page->lines[i].number);
    }
    pg_params_init(&params, arena);
    pg_add_texts(&params, owners, page->n_lines);
    pg_add_texts(&params, numbers, page->n_lines);
    pg_query(pool, &HEAD_MARK, &params, on_done, make_call(done, arg));
}

const struct pg_statement HEAD_FINISH = {
    "head_finish",
    "UPDATE head_export SET finished_at = now()",
};

void head_store_finish(struct pg_pool *pool, chain_done_fn *done, void *arg)
{
    struct pg_params params;

    pg_params_init(&params, NULL);
    pg_query(pool, &HEAD_FINISH, &params, on_done, make_call(done, arg));
}

#include "services/audit/store/history_store.h"

#include "common/events/event_types.h"
#include "services/audit/store/entry_row.h"

enum { PAGE_BYTES_MAX = 256 * 1024 };

struct list_call {
    const struct history_query *query;
    struct history_page *page;
    struct arena *arena;
    chain_done_fn *done;
    void *arg;
};

/* One entry more than asked for tells whether there are more; bytes_before is the payload of the
 * newer entries of the page. $1 owner, $2 before, $3 limit + 1, $4 bytes. */
#define HISTORY(condition)                                                                         \
    "SELECT " ENTRY_COLUMNS                                                                        \
    ", n_found, (SELECT key FROM payload_key k WHERE k.owner_id = $1::uuid)"                       \
    " FROM (SELECT " ENTRY_COLUMNS ", count(*) OVER () AS n_found,"                                \
    "  sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY number DESC)"                        \
    "  - coalesce(octet_length(payload), 0) AS bytes_before"                                       \
    "  FROM (SELECT " ENTRY_COLUMNS " FROM entry WHERE owner_id = $1::uuid" condition              \
    "   AND number < $2::bigint AND topic <> '" TOPIC_DEAD_LETTERS "'"                             \
    "   ORDER BY number DESC LIMIT $3::int) newest) page"                                          \
    " WHERE bytes_before < $4::bigint ORDER BY number DESC"

const struct pg_statement HISTORY_OF_OWNER = {"history_of_owner", HISTORY("")};
const struct pg_statement HISTORY_OF_SUBJECT = {"history_of_subject", HISTORY(" AND subject = $5")};

static bool read_page(const struct pg_rows *rows, struct list_call *call, struct err *err)
{
    struct history_page *page = call->page;
    int n_rows = pg_n_rows(rows);
    int n_kept = n_rows > call->query->limit ? call->query->limit : n_rows;

    page->entries = ARENA_NEW_ARRAY(call->arena, (size_t)n_kept + 1, struct entry);
    page->n_entries = (size_t)n_kept;
    page->has_more = n_rows > 0 && pg_int(rows, 0, N_ENTRY_COLUMNS) > n_kept;
    page->has_key = n_rows > 0 && entry_row_read_bytes(rows, 0, N_ENTRY_COLUMNS + 1, page->key,
                                                       sizeof(page->key));
    for (int row = 0; row < n_kept; row++)
        if (!entry_row_read(rows, row, call->arena, &page->entries[row]))
            return err_set(err, ERR_INTERNAL, "entry %lld is malformed: run audit verify",
                           (long long)page->entries[row].number);
    return true;
}

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct list_call *call = arg;
    struct err own = {0};

    if (err == NULL && !read_page(rows, call, &own))
        err = &own;
    call->done(call->arg, err);
}

void history_store_list(struct pg_pool *pool, struct arena *arena,
                        const struct history_query *query, struct history_page *page,
                        chain_done_fn *done, void *arg)
{
    struct list_call *call = ARENA_NEW(arena, struct list_call);
    bool is_of_task = query->task_id.text[0] != '\0';
    struct pg_params params;

    *call = (struct list_call){query, page, arena, done, arg};
    pg_params_init(&params, arena);
    pg_add_text(&params, query->owner_id.text);
    pg_add_int(&params, query->before);
    pg_add_int(&params, query->limit + 1);
    pg_add_int(&params, PAGE_BYTES_MAX);
    if (is_of_task)
        pg_add_text(&params, query->task_id.text);
    pg_query(pool, is_of_task ? &HISTORY_OF_SUBJECT : &HISTORY_OF_OWNER, &params, on_listed, call);
}

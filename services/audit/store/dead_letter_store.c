#include "services/audit/store/dead_letter_store.h"

#include "common/events/event_types.h"

struct letter_call {
    struct append *append;        /* of keep, replay */
    struct kept_letters *letters; /* of list */
    struct kept_letter *letter;   /* of get */
    struct arena *arena;
    chain_done_fn *done;
    void *arg;
};

static struct letter_call *make_call(struct arena *arena, chain_done_fn *done, void *arg)
{
    struct letter_call *call = ARENA_NEW(arena, struct letter_call);

    *call = (struct letter_call){.arena = arena, .done = done, .arg = arg};
    return call;
}

static void on_appended(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct letter_call *call = arg;
    struct err own = {0};

    if (err == NULL && !append_read_result(rows, call->append, &own))
        err = &own;
    call->done(call->arg, err);
}

/* What is content goes with the account: it is not even written after that, but for the deletion
 * itself, which carries none and must stay replayable. */
const struct pg_statement DEAD_LETTER_KEEP = {
    "dead_letter_keep",
    APPEND_ENTRY(
        APPEND_WHILE_SEALED,
        "") ","
            "kept AS (INSERT INTO dead_letter AS d (id, owner_id, consumer, topic, type, event_id, reason,"
            " event, event_b64) SELECT $13::uuid, $2::uuid, $14, $15, $16, $17::uuid,"
            " CASE WHEN may.keep THEN $18 END, CASE WHEN may.keep THEN $19 END,"
            " CASE WHEN may.keep THEN $20 END FROM head,"
            " (SELECT $11::bytea IS NOT NULL OR $16 = '" EVENT_USER_DELETED "' AS keep) may"
            " ON CONFLICT (id) DO UPDATE SET arrivals = d.arrivals + 1,"
            " received_at = greatest(clock_timestamp(), d.replayed_at + interval '1 ms'))" APPEND_RESULT,
};

void dead_letter_store_keep(struct pg_pool *pool, struct arena *arena, struct append *append,
                            const struct kept_letter *letter, chain_done_fn *done, void *arg)
{
    struct letter_call *call = make_call(arena, done, arg);
    struct pg_params params;

    call->append = append;
    pg_params_init(&params, arena);
    append_add_params(&params, append);
    pg_add_text(&params, letter->id.text);
    pg_add_text(&params, letter->consumer);
    pg_add_text(&params, letter->topic);
    pg_add_text(&params, letter->type);
    pg_add_text(&params, letter->event_id.text[0] != '\0' ? letter->event_id.text : NULL);
    pg_add_text(&params, letter->reason);
    pg_add_text(&params, letter->event);
    pg_add_text(&params, letter->event_b64);
    pg_query(pool, &DEAD_LETTER_KEEP, &params, on_appended, call);
}

/* One that has come back before its replay is recorded is open: it was received after that. */
const struct pg_statement DEAD_LETTER_REPLAY = {
    "dead_letter_replay",
    APPEND_ENTRY(
        APPEND_WHILE_SEALED,
        "") ","
            "replayed AS (UPDATE dead_letter SET replays = replays + 1, replayed_at ="
            " CASE WHEN arrivals = $14::int THEN now() ELSE received_at - interval '1 ms' END"
            " FROM fresh WHERE id = $13::uuid)" APPEND_RESULT,
};

void dead_letter_store_replay(struct pg_pool *pool, struct arena *arena, struct append *append,
                              const struct kept_letter *letter, chain_done_fn *done, void *arg)
{
    struct letter_call *call = make_call(arena, done, arg);
    struct pg_params params;

    call->append = append;
    pg_params_init(&params, arena);
    append_add_params(&params, append);
    pg_add_text(&params, letter->id.text);
    pg_add_int(&params, letter->arrivals);
    pg_query(pool, &DEAD_LETTER_REPLAY, &params, on_appended, call);
}

const struct pg_statement DEAD_LETTER_ERASE = {
    "dead_letter_erase",
    "UPDATE dead_letter SET reason = NULL, event = NULL, event_b64 = NULL"
    " WHERE owner_id = $1::uuid AND reason IS NOT NULL AND type <> '" EVENT_USER_DELETED "'",
};

static void on_erased(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct letter_call *call = arg;

    (void)rows;
    call->done(call->arg, err);
}

void dead_letter_store_erase(struct pg_pool *pool, struct arena *arena, const struct uuid *owner_id,
                             chain_done_fn *done, void *arg)
{
    struct pg_params params;

    pg_params_init(&params, arena);
    pg_add_text(&params, owner_id->text);
    pg_query(pool, &DEAD_LETTER_ERASE, &params, on_erased, make_call(arena, done, arg));
}

#define LETTER_COLUMNS                                                                             \
    "id, owner_id, consumer, topic, type, event_id, reason, received_at, replayed_at, arrivals,"   \
    " replays, position"
enum { N_LETTER_COLUMNS = 12 };

static void read_uuid(const struct pg_rows *rows, int row, int column, struct uuid *uuid)
{
    if (!uuid_read(pg_text(rows, row, column), uuid))
        uuid->text[0] = '\0';
}

static void read_letter(const struct pg_rows *rows, int row, struct arena *arena,
                        struct kept_letter *letter)
{
    read_uuid(rows, row, 0, &letter->id);
    read_uuid(rows, row, 1, &letter->owner_id);
    letter->consumer = pg_copy_text(rows, row, 2, arena);
    letter->topic = pg_copy_text(rows, row, 3, arena);
    letter->type = pg_copy_text(rows, row, 4, arena);
    read_uuid(rows, row, 5, &letter->event_id);
    letter->reason = pg_copy_text(rows, row, 6, arena);
    letter->received_at = pg_time(rows, row, 7);
    letter->replayed_at = pg_time(rows, row, 8);
    letter->arrivals = pg_int(rows, row, 9);
    letter->replays = pg_int(rows, row, 10);
    letter->position = pg_int(rows, row, 11);
}

const struct pg_statement DEAD_LETTER_LIST = {
    "dead_letter_list",
    "SELECT " LETTER_COLUMNS " FROM dead_letter"
    " WHERE position > $1::bigint AND ($2::text IS NULL OR consumer = $2::text)"
    " AND (NOT $3::boolean OR replayed_at IS NULL OR received_at > replayed_at)"
    " AND (NOT $4::boolean OR (type <> '' AND reason IS NOT NULL))"
    " ORDER BY position LIMIT $5::int",
};

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct letter_call *call = arg;

    if (err == NULL) {
        call->letters->n_items = (size_t)pg_n_rows(rows);
        call->letters->items =
            ARENA_NEW_ARRAY(call->arena, call->letters->n_items, struct kept_letter);
        for (size_t i = 0; i < call->letters->n_items; i++)
            read_letter(rows, (int)i, call->arena, &call->letters->items[i]);
    }
    call->done(call->arg, err);
}

void dead_letter_store_list(struct pg_pool *pool, struct arena *arena,
                            const struct letter_query *query, struct kept_letters *letters,
                            chain_done_fn *done, void *arg)
{
    struct letter_call *call = make_call(arena, done, arg);
    struct pg_params params;

    call->letters = letters;
    pg_params_init(&params, arena);
    pg_add_int(&params, query->after);
    pg_add_text(&params, query->consumer);
    pg_add_bool(&params, query->is_open_only);
    pg_add_bool(&params, query->is_whole_only);
    pg_add_int(&params, query->limit);
    pg_query(pool, &DEAD_LETTER_LIST, &params, on_listed, call);
}

const struct pg_statement DEAD_LETTER_GET = {
    "dead_letter_get",
    "SELECT " LETTER_COLUMNS ", event, event_b64 FROM dead_letter WHERE id = $1::uuid",
};

static void on_got(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct letter_call *call = arg;
    struct err own = {0};

    if (err == NULL && pg_n_rows(rows) == 0) {
        err_set(&own, ERR_NOT_FOUND, "there is no dead letter of this id");
        err = &own;
    } else if (err == NULL) {
        read_letter(rows, 0, call->arena, call->letter);
        call->letter->event = pg_copy_text(rows, 0, N_LETTER_COLUMNS, call->arena);
        call->letter->event_b64 = pg_copy_text(rows, 0, N_LETTER_COLUMNS + 1, call->arena);
    }
    call->done(call->arg, err);
}

void dead_letter_store_get(struct pg_pool *pool, struct arena *arena, const struct uuid *id,
                           struct kept_letter *letter, chain_done_fn *done, void *arg)
{
    struct letter_call *call = make_call(arena, done, arg);
    struct pg_params params;

    call->letter = letter;
    pg_params_init(&params, arena);
    pg_add_text(&params, id->text);
    pg_query(pool, &DEAD_LETTER_GET, &params, on_got, call);
}

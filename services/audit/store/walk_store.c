/* services/audit/store/walk_store.c — pages by key, each one statement and so one snapshot. */
#include "services/audit/store/walk_store.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/audit/store/entry_row.h"

enum {
    ENTRIES_MAX = 500,
    ENTRIES_BYTES_MAX = 4 * 1024 * 1024,
    HEADS_MAX = 2000,
    SEQS_MAX = 5000,
};

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

struct page_call {
    struct walk *walk;
    struct seq_walk *seq_walk;
    struct findings *findings;
    const struct walk_lines *lines;
    struct walk_place *place;
    walk_page_fn *done;
    void *arg;
};

static struct page_call *make_call(walk_page_fn *done, void *arg)
{
    struct page_call *call = MEM_NEW(struct page_call);

    call->done = done;
    call->arg = arg;
    return call;
}

static void end_page(struct page_call *call, int n_rows, const struct err *err)
{
    walk_page_fn *done = call->done;
    void *arg = call->arg;

    mem_free(call);
    done(arg, n_rows, err);
}

/* Behind the nil owner's every entry comes the first owner; his own must not be left out either. */
static void add_place(struct pg_params *params, const struct walk_place *place, bool has_seq)
{
    bool is_start = place->owner_id.text[0] == '\0';

    pg_add_text(params, is_start ? NIL_UUID : place->owner_id.text);
    if (has_seq)
        pg_add_int(params, is_start ? INT64_MIN : place->seq);
    pg_add_int(params, is_start ? INT64_MIN : place->number);
}

static void move_place(struct walk_place *place, const struct uuid *owner_id, int64_t number)
{
    place->owner_id = *owner_id;
    place->number = number;
}

/* Ends before $4 bytes of payload are passed, but has one row at least. */
const struct pg_statement WALK_ENTRIES = {
    "walk_entries",
    "SELECT " ENTRY_COLUMNS ", head_number, head_hash, erased_at IS NOT NULL, key"
    " FROM (SELECT " ENTRY_COLUMNS ","
    "  sum(coalesce(octet_length(payload), 0)) OVER (ORDER BY owner_id, number)"
    "  - coalesce(octet_length(payload), 0) AS bytes_before"
    "  FROM (SELECT " ENTRY_COLUMNS " FROM entry WHERE (owner_id, number) > ($1::uuid, $2::bigint)"
    "   ORDER BY owner_id, number LIMIT $3::int) next) page"
    " LEFT JOIN (SELECT owner_id AS head_owner, number AS head_number, hash AS head_hash, erased_at"
    "  FROM chain_head) head ON head_owner = owner_id"
    " LEFT JOIN (SELECT owner_id AS key_owner, key FROM payload_key) payload_key"
    "  ON key_owner = owner_id"
    " WHERE bytes_before < $4::bigint ORDER BY owner_id, number",
};

static void read_head(const struct pg_rows *rows, int row, unsigned char key[PAYLOAD_KEY_BYTES],
                      struct walk_row *out)
{
    enum { HEAD_NUMBER = N_ENTRY_COLUMNS, HEAD_HASH, IS_ERASED, KEY };
    struct walk_head *head = &out->head;

    head->is_there = !pg_is_null(rows, row, HEAD_NUMBER);
    head->number = pg_int(rows, row, HEAD_NUMBER);
    head->is_erased = pg_bool(rows, row, IS_ERASED);
    if (head->is_there && !entry_row_read_bytes(rows, row, HEAD_HASH, head->hash, ENTRY_HASH_BYTES))
        memset(head->hash, 0, sizeof(head->hash)); /* no entry has that one */
    if (entry_row_read_bytes(rows, row, KEY, key, PAYLOAD_KEY_BYTES))
        head->key = key;
}

static void on_entries_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct page_call *call = arg;
    unsigned char key[PAYLOAD_KEY_BYTES];
    int n_rows = err == NULL ? pg_n_rows(rows) : 0;
    struct arena arena;

    arena_init(&arena);
    for (int row = 0; row < n_rows; row++) {
        struct walk_row next = {0};

        next.is_malformed = !entry_row_read(rows, row, &arena, &next.entry);
        read_head(rows, row, key, &next);
        walk_add(call->walk, &next);
        move_place(call->place, &next.entry.owner_id, next.entry.number);
        arena_clear(&arena);
    }
    sodium_memzero(key, sizeof(key));
    end_page(call, n_rows, err);
}

void walk_store_entries(struct pg_pool *pool, struct walk *walk, struct walk_place *place,
                        walk_page_fn *done, void *arg)
{
    struct page_call *call = make_call(done, arg);
    struct arena arena;
    struct pg_params params;

    call->walk = walk;
    call->place = place;
    arena_init(&arena);
    pg_params_init(&params, &arena);
    add_place(&params, place, false);
    pg_add_int(&params, ENTRIES_MAX);
    pg_add_int(&params, ENTRIES_BYTES_MAX);
    pg_query(pool, &WALK_ENTRIES, &params, on_entries_read, call);
    arena_clear(&arena);
}

const struct pg_statement WALK_LONE_HEADS = {
    "walk_lone_heads",
    "SELECT owner_id, number,"
    " number <> 0 AND NOT EXISTS (SELECT FROM entry e WHERE e.owner_id = h.owner_id)"
    " FROM chain_head h WHERE owner_id >= $1::uuid AND (owner_id > $1::uuid OR $2::boolean)"
    " ORDER BY owner_id LIMIT $3::int",
};

static void on_heads_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct page_call *call = arg;
    int n_rows = err == NULL ? pg_n_rows(rows) : 0;
    struct uuid owner_id;

    for (int row = 0; row < n_rows; row++) {
        if (!uuid_read(pg_text(rows, row, 0), &owner_id))
            continue;
        if (pg_bool(rows, row, 2))
            findings_add(call->findings, FINDING_FAULT, &owner_id, 1,
                         "the whole chain is missing, its head is at %" PRId64,
                         pg_int(rows, row, 1));
        move_place(call->place, &owner_id, 0);
    }
    end_page(call, n_rows, err);
}

void walk_store_lone_heads(struct pg_pool *pool, struct findings *findings,
                           struct walk_place *place, walk_page_fn *done, void *arg)
{
    struct page_call *call = make_call(done, arg);
    bool is_start = place->owner_id.text[0] == '\0';
    struct arena arena;
    struct pg_params params;

    call->findings = findings;
    call->place = place;
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, is_start ? NIL_UUID : place->owner_id.text);
    pg_add_bool(&params, is_start);
    pg_add_int(&params, HEADS_MAX);
    pg_query(pool, &WALK_LONE_HEADS, &params, on_heads_read, call);
    arena_clear(&arena);
}

const struct pg_statement WALK_SEQS = {
    "walk_seqs",
    "SELECT owner_id, seq, number, recorded_at FROM entry"
    " WHERE source = $1 AND topic = ANY ($2::text[]) AND seq > 0"
    " AND (owner_id, seq, number) > ($3::uuid, $4::bigint, $5::bigint)"
    " ORDER BY owner_id, seq, number LIMIT $6::int",
};

static void on_seqs_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct page_call *call = arg;
    int n_rows = err == NULL ? pg_n_rows(rows) : 0;

    for (int row = 0; row < n_rows; row++) {
        struct seq_row next = {.seq = pg_int(rows, row, 1),
                               .number = pg_int(rows, row, 2),
                               .recorded_at = pg_int(rows, row, 3)};

        if (!uuid_read(pg_text(rows, row, 0), &next.owner_id))
            continue;
        seq_walk_add(call->seq_walk, &next);
        move_place(call->place, &next.owner_id, next.number);
        call->place->seq = next.seq;
    }
    end_page(call, n_rows, err);
}

void walk_store_seqs(struct pg_pool *pool, const struct walk_source *source, struct seq_walk *walk,
                     struct walk_place *place, walk_page_fn *done, void *arg)
{
    struct page_call *call = make_call(done, arg);
    size_t n_topics = 0;
    struct arena arena;
    struct pg_params params;

    call->seq_walk = walk;
    call->place = place;
    while (n_topics < WALK_TOPICS_MAX && source->topics[n_topics] != NULL)
        n_topics++;
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, source->source);
    pg_add_texts(&params, source->topics, n_topics);
    add_place(&params, place, true);
    pg_add_int(&params, SEQS_MAX);
    pg_query(pool, &WALK_SEQS, &params, on_seqs_read, call);
    arena_clear(&arena);
}

const struct pg_statement WALK_LINES = {
    "walk_lines",
    "SELECT e.hash, h.number FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY"
    " line (owner_id, number, place)"
    " LEFT JOIN entry e ON e.owner_id = line.owner_id AND e.number = line.number"
    " LEFT JOIN chain_head h ON h.owner_id = line.owner_id ORDER BY line.place",
};

static void check_line(struct page_call *call, const struct pg_rows *rows, int row)
{
    const struct head_line *line = &call->lines->items[row];
    unsigned char hash[ENTRY_HASH_BYTES];
    char at[CLOCK_TEXT_MAX];

    clock_write(line->at, at);
    if (pg_is_null(rows, row, 0))
        findings_add(call->findings, FINDING_FAULT, &line->owner_id, line->number,
                     "it was there at %s and is gone: the chain now ends at %" PRId64, at,
                     pg_int(rows, row, 1));
    else if (!entry_row_read_bytes(rows, row, 0, hash, sizeof(hash)) ||
             memcmp(hash, line->hash, sizeof(hash)) != 0)
        findings_add(call->findings, FINDING_FAULT, &line->owner_id, line->number,
                     "its hash is not the one exported at %s: the chain was written anew", at);
}

static void on_lines_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct page_call *call = arg;
    int n_rows = err == NULL ? pg_n_rows(rows) : 0;

    for (int row = 0; row < n_rows; row++)
        check_line(call, rows, row);
    end_page(call, n_rows, err);
}

void walk_store_lines(struct pg_pool *pool, const struct walk_lines *lines,
                      struct findings *findings, walk_page_fn *done, void *arg)
{
    struct page_call *call = make_call(done, arg);
    const char *owners[WALK_LINES_MAX], *numbers[WALK_LINES_MAX];
    struct arena arena;
    struct pg_params params;

    call->lines = lines;
    call->findings = findings;
    arena_init(&arena);
    for (size_t i = 0; i < lines->n_items; i++) {
        owners[i] = lines->items[i].owner_id.text;
        numbers[i] = arena_format(&arena, "%" PRId64, lines->items[i].number);
    }
    pg_params_init(&params, &arena);
    pg_add_texts(&params, owners, lines->n_items);
    pg_add_texts(&params, numbers, lines->n_items);
    pg_query(pool, &WALK_LINES, &params, on_lines_read, call);
    arena_clear(&arena);
}

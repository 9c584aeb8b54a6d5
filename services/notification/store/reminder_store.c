#include "services/notification/store/reminder_store.h"

#define INSTANT(column)                                                                            \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* Ids sort by when the delivery was planned. */
const struct pg_statement REMINDER_LIST = {
    "reminder_list",
    "SELECT d.id, d.kind, d.task_id, d.reminder_id, d.generation, d.channel,"
    " CASE WHEN d.channel IN (1, 3) THEN d.channel_id END, d.title, d.remind_at, d.sent_at,"
    " d.attempts, d.reason, d.state, d.held_until,"
    " (SELECT jsonb_agg(jsonb_build_object('number', a.number,"
    "   'began_at', " INSTANT("a.began_at") ", 'ended_at', " INSTANT(
        "a.ended_at") ","
                      "   'outcome', a.outcome, 'reason', a.reason) ORDER BY a.number)::text"
                      "  FROM attempt a WHERE a.delivery_id = d.id)"
                      " FROM delivery d WHERE d.owner_id = $1::uuid"
                      " AND d.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') AND ($3::uuid IS NULL OR d.task_id = $3::uuid)"
                      " AND ($4::smallint IS NULL OR d.state = $4::smallint) ORDER BY d.id DESC LIMIT $5::int",
};

static const char *text_or_null(const struct uuid *id)
{
    return id->text[0] != '\0' ? id->text : NULL;
}

void reminder_store_params(const struct reminder_query *query, struct pg_params *params)
{
    pg_add_text(params, query->owner_id.text);
    pg_add_text(params, text_or_null(&query->before));
    pg_add_text(params, text_or_null(&query->task_id));
    if (query->state >= 0)
        pg_add_int(params, query->state);
    else
        pg_add_text(params, NULL);
    pg_add_int(params, query->limit + 1); /* one more tells whether there are more */
}

static struct uuid read_id(const struct pg_rows *rows, int row, int column)
{
    struct uuid id = {""};

    (void)uuid_read(pg_text(rows, row, column), &id);
    return id;
}

void reminder_store_read(const struct pg_rows *rows, int limit, struct arena *arena,
                         struct reminder_page *page)
{
    int n_rows = pg_n_rows(rows), n = n_rows < limit ? n_rows : limit;

    page->entries = ARENA_NEW_ARRAY(arena, (size_t)n + 1, struct reminder_entry);
    page->n_entries = (size_t)n;
    page->has_more = n_rows > limit;
    for (int row = 0; row < n; row++)
        page->entries[row] = (struct reminder_entry){
            .notification =
                {
                    .id = read_id(rows, row, 0),
                    .kind = (int)pg_int(rows, row, 1),
                    .task_id = read_id(rows, row, 2),
                    .reminder_id = read_id(rows, row, 3),
                    .generation = pg_int(rows, row, 4),
                    .channel = (int)pg_int(rows, row, 5),
                    .channel_id = read_id(rows, row, 6),
                    .title = pg_copy_text(rows, row, 7, arena),
                    .remind_at = pg_time(rows, row, 8),
                    .sent_at = pg_time(rows, row, 9),
                    .attempts = pg_int(rows, row, 10),
                    .reason = pg_copy_text(rows, row, 11, arena),
                },
            .state = (int)pg_int(rows, row, 12),
            .held_until = pg_time(rows, row, 13),
            .attempts = pg_copy_text(rows, row, 14, arena),
        };
}

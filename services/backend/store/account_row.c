#include "services/backend/store/account_row.h"

#include "services/backend/store/account_store.h"

void account_row_read(const struct pg_rows *rows, struct arena *arena, struct account *account)
{
    *account = (struct account){
        .email = pg_copy_text(rows, 0, 1, arena),
        .name = pg_copy_text(rows, 0, 2, arena),
        .time_zone = pg_copy_text(rows, 0, 3, arena),
        .version = pg_int(rows, 0, 4),
        .created_at = pg_time(rows, 0, 5),
        .updated_at = pg_time(rows, 0, 6),
        .password_hash = pg_copy_text(rows, 0, 7, arena),
        .credentials = pg_int(rows, 0, 8),
    };
    if (!uuid_read(pg_text(rows, 0, 0), &account->id))
        account->id = (struct uuid){""};
}

void account_row_add_event(struct pg_params *params, const struct account_event *event)
{
    pg_add_text(params, arena_copy_text(params->arena, uuid_new(event->now_ms).text));
    pg_add_time(params, event->now_ms);
    pg_add_text(params, event->traceparent);
    pg_add_text(params, event->data);
}

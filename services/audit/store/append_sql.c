#include "services/audit/store/append_sql.h"

void append_add_params(struct pg_params *params, const struct append *append)
{
    const struct entry *entry = append->entry;

    pg_add_text(params, append->inbox_id->text);
    pg_add_text(params, entry->owner_id.text);
    pg_add_text(params, entry->event_id.text);
    pg_add_text(params, entry->topic);
    pg_add_text(params, entry->type);
    pg_add_text(params, entry->source);
    pg_add_text(params, entry->subject);
    pg_add_int(params, entry->seq);
    pg_add_int(params, entry->occurred_at);
    pg_add_int(params, entry->recorded_at);
    if (entry->payload == NULL)
        pg_add_text(params, NULL);
    else
        pg_add_bytes(params, entry->payload, entry->n_payload);
    pg_add_bytes(params, entry->digest, sizeof(entry->digest));
}

bool append_read_result(const struct pg_rows *rows, struct append *append, struct err *err)
{
    if (!pg_bool(rows, 0, 0))
        return err_set(err, ERR_UNAVAILABLE, "the account was deleted meanwhile: seal again");
    append->is_new = !pg_is_null(rows, 0, 1);
    if (append->is_new)
        append->entry->number = pg_int(rows, 0, 1);
    return true;
}

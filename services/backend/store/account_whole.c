#include "services/backend/store/account_whole.h"

#include <string.h>

#include "common/events/event_types.h"
#include "services/backend/store/account_row.h"

/* A call on its way. */
struct account_whole_call {
    struct store_call call;
    struct account *account;
    bool *is_saved;
};

static struct account_whole_call *call_new(const struct store_call *call)
{
    struct account_whole_call *c = ARENA_NEW(call->arena, struct account_whole_call);

    c->call = *call;
    return c;
}

const struct pg_statement ACCOUNT_WHOLE_GET = {
    "account_whole_get",
    "SELECT " ACCOUNT_COLUMNS ", a.reminder_settings, c.id, c.channel, c.name, c.host, c.digest, "
    "c.sealed, c.created_at FROM account a LEFT JOIN channel c ON c.owner_id = a.id "
    "WHERE a.id = $1::uuid ORDER BY c.created_at, c.id",
};
enum {
    COLUMN_SETTINGS = ACCOUNT_N_COLUMNS,
    COLUMN_ID,
    COLUMN_CHANNEL,
    COLUMN_NAME,
    COLUMN_HOST,
    COLUMN_DIGEST,
    COLUMN_SEALED,
    COLUMN_CREATED_AT
};
static pg_done_fn on_got;

void account_whole_get(const struct store_call *call, const struct uuid *id,
                       struct account *account)
{
    struct account_whole_call *c = call_new(call);
    struct pg_params params;

    c->account = account;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, id->text);
    pg_lookup(call->pool, &ACCOUNT_WHOLE_GET, &params, on_got, c);
}

static void read_channel(const struct pg_rows *rows, int row, struct arena *arena,
                         struct channel *channel)
{
    size_t n_bytes = 0;
    const unsigned char *digest = pg_bytes(rows, row, COLUMN_DIGEST, arena, &n_bytes);

    *channel = (struct channel){
        .address = {.channel = (int)pg_int(rows, row, COLUMN_CHANNEL),
                    .name = pg_copy_text(rows, row, COLUMN_NAME, arena),
                    .sealed = pg_copy_text(rows, row, COLUMN_SEALED, arena),
                    .created_at = pg_time(rows, row, COLUMN_CREATED_AT)},
        .host = pg_copy_text(rows, row, COLUMN_HOST, arena),
    };
    uuid_read(pg_text(rows, row, COLUMN_ID), &channel->address.id);
    if (n_bytes == sizeof channel->digest)
        memcpy(channel->digest, digest, n_bytes);
}

static bool read_whole(const struct pg_rows *rows, struct arena *arena, struct account *account,
                       struct err *err)
{
    const char *settings = pg_copy_text(rows, 0, COLUMN_SETTINGS, arena);
    const size_t n_rows = (size_t)pg_n_rows(rows);

    account_row_read(rows, arena, account);
    account->has_settings = settings != NULL;
    account->settings = reminder_settings_initial;
    if (settings != NULL && !reminder_settings_read(settings, arena, &account->settings, err))
        return err_set(err, ERR_INTERNAL, "the stored settings of reminders cannot be read");
    if (pg_is_null(rows, 0, COLUMN_ID)) /* the account's row alone */
        return true;
    account->channels = ARENA_NEW_ARRAY(arena, n_rows, struct channel);
    for (; account->n_channels < n_rows; account->n_channels++)
        read_channel(rows, (int)account->n_channels, arena,
                     &account->channels[account->n_channels]);
    return true;
}

static void on_got(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_whole_call *c = arg;
    struct err failure = {0};

    if (err == NULL && pg_n_rows(rows) == 0)
        err_set_slug(&failure, ERR_NOT_FOUND, "account_gone", "this account has been deleted");
    else if (err == NULL && read_whole(rows, c->call.arena, c->account, &failure))
        err_clear(&failure);
    c->call.done(c->call.arg, err_is_set(&failure) ? &failure : err);
}

const struct pg_statement ACCOUNT_WHOLE_SAVE = {
    "account_whole_save",
    "WITH owner AS ("
    "  UPDATE account SET name = $6, time_zone = $7, reminder_settings = $8::jsonb,"
    "    version = version + 1, seq = seq + 1, updated_at = $2"
    "  WHERE id = $5::uuid AND version = $9::bigint - 1 RETURNING id, seq), "
    "dropped AS ("
    "  DELETE FROM channel USING owner WHERE channel.owner_id = owner.id AND channel.id = $10::uuid), "
    "put AS ("
    "  INSERT INTO channel (owner_id, id, channel, name, host, digest, sealed, created_at)"
    "  SELECT owner.id, $11::uuid, $12::smallint, $13::text, $14::text, $15::bytea, $16::text,"
    "    $17::timestamptz FROM owner WHERE $11 IS NOT NULL"
    "  ON CONFLICT (owner_id, id) DO UPDATE SET name = excluded.name, sealed = excluded.sealed) " ACCOUNT_EVENT_ROW(
        "owner", TOPIC_USER_EVENTS, "$1", EVENT_USER_UPDATED) " RETURNING 1",
};
enum { N_CHANNEL_PARAMS = 7 };
static pg_done_fn on_saved;

static void add_channel(struct pg_params *params, const struct channel *channel)
{
    if (channel == NULL) {
        for (int i = 0; i < N_CHANNEL_PARAMS; i++)
            pg_add_text(params, NULL);
        return;
    }
    pg_add_text(params, channel->address.id.text);
    pg_add_int(params, channel->address.channel);
    pg_add_text(params, channel->address.name);
    pg_add_text(params, channel->host);
    pg_add_bytes(params, channel->digest, sizeof channel->digest);
    pg_add_text(params, channel->address.sealed);
    pg_add_time(params, channel->address.created_at);
}

void account_whole_save(const struct store_call *call, const struct account_write *write,
                        const struct account_event *event, bool *is_saved)
{
    const struct account *account = write->account;
    struct account_whole_call *c = call_new(call);
    struct pg_params params;
    struct buf settings;

    c->is_saved = is_saved;
    buf_init(&settings);
    if (account->has_settings)
        reminder_settings_write(&account->settings, &settings);
    pg_params_init(&params, call->arena);
    account_row_add_event(&params, event);
    pg_add_text(&params, account->id.text);
    pg_add_text(&params, account->name);
    pg_add_text(&params, account->time_zone);
    pg_add_text(&params, account->has_settings ? buf_text(&settings) : NULL);
    pg_add_int(&params, account->version);
    pg_add_text(&params, write->drop == NULL ? NULL : write->drop->text);
    add_channel(&params, write->put);
    pg_query(call->pool, &ACCOUNT_WHOLE_SAVE, &params, on_saved, c);
    buf_clear(&settings);
}

/* Whether the one row of what was changed came back. */
static void on_saved(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct account_whole_call *c = arg;

    if (err == NULL)
        *c->is_saved = pg_n_rows(rows) > 0;
    c->call.done(c->call.arg, err);
}

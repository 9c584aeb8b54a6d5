#include "services/backend/domain/account_channels.h"

#include <string.h>

#include "common/events/reminder.h"
#include "common/json/json_out.h"

static struct channel *find_same(const struct account *account, const struct channel *channel)
{
    for (size_t i = 0; i < account->n_channels; i++)
        if (memcmp(account->channels[i].digest, channel->digest, sizeof channel->digest) == 0)
            return &account->channels[i];
    return NULL;
}

bool account_put_channel(struct account *account, struct channel *channel, int64_t now_ms,
                         struct arena *arena, bool *is_new, struct err *err)
{
    struct channel *same = find_same(account, channel), *all;

    *is_new = same == NULL;
    if (same != NULL && channel->address.channel != CHANNEL_PUSH)
        return err_set_slug(err, ERR_CONFLICT, "webhook_exists",
                            "you have a webhook with this URL already");
    if (same != NULL) {
        channel->address.id = same->address.id;
        channel->address.created_at = same->address.created_at;
        *same = *channel;
        account_raise(account, now_ms);
        return true;
    }
    if (account->n_channels >= CHANNELS_MAX)
        return err_set_slug(err, ERR_CONFLICT, "too_many_channels",
                            "you have %d channels, the most there can be: delete one first",
                            CHANNELS_MAX);
    all = ARENA_NEW_ARRAY(arena, account->n_channels + 1, struct channel);
    if (account->n_channels > 0)
        memcpy(all, account->channels, account->n_channels * sizeof *all);
    all[account->n_channels++] = *channel;
    account->channels = all;
    account_raise(account, now_ms);
    return true;
}

bool account_drop_channel(struct account *account, const struct uuid *id, int64_t now_ms)
{
    for (size_t i = 0; i < account->n_channels; i++) {
        if (strcmp(account->channels[i].address.id.text, id->text) != 0)
            continue;
        account->n_channels--;
        memmove(&account->channels[i], &account->channels[i + 1],
                (account->n_channels - i) * sizeof account->channels[0]);
        account_raise(account, now_ms);
        return true;
    }
    return false;
}

void account_write_channels(struct json_out *out, const struct account *account)
{
    json_open_array(out, "channels");
    for (size_t i = 0; i < account->n_channels; i++) {
        json_open_object(out, NULL);
        json_write_fields(out, channel_fields, channel_n_fields, &account->channels[i]);
        json_close_object(out);
    }
    json_close_array(out);
}

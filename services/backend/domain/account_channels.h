/* services/backend/domain/account_channels.h — the channels of an account: which may be added, and
 * what becomes of one that is there already. */
#ifndef SERVICES_BACKEND_DOMAIN_ACCOUNT_CHANNELS_H
#define SERVICES_BACKEND_DOMAIN_ACCOUNT_CHANNELS_H

#include "services/backend/domain/account.h"

/** Add `channel`. A push subscription that is there already is replaced: `*channel` gets its id and
 *  its age, so that what is under way to it still arrives once. Fail with ERR_CONFLICT: a webhook
 *  that is there already (slug "webhook_exists"), or CHANNELS_MAX are ("too_many_channels"). */
MUST_CHECK bool account_put_channel(struct account *account, struct channel *channel,
                                    int64_t now_ms, struct arena *arena, bool *is_new,
                                    struct err *err);

/** Remove one; return whether it was there. */
bool account_drop_channel(struct account *account, const struct uuid *id, int64_t now_ms);

/** Write the member "channels" into the object that is open in `out`, without any address. */
void account_write_channels(struct json_out *out, const struct account *account);

#endif

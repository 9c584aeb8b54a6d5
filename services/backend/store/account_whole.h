/* services/backend/store/account_whole.h — an account with its settings and channels: read, and changed
 * in one statement together with its event. */
#ifndef SERVICES_BACKEND_STORE_ACCOUNT_WHOLE_H
#define SERVICES_BACKEND_STORE_ACCOUNT_WHOLE_H

#include "common/pg/pg.h"
#include "services/backend/domain/account.h"
#include "services/backend/store/account_store.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement ACCOUNT_WHOLE_GET, ACCOUNT_WHOLE_SAVE;

/** Read an account whole. ERR_NOT_FOUND when it is gone. */
void account_whole_get(const struct store_call *call, const struct uuid *id,
                       struct account *account);

/** What is to be saved; borrowed until the call returns. */
struct account_write {
    const struct account *account; /* as it will be: name, zone, settings, version */
    const struct channel *put;     /* to be added, or replaced by its id; NULL: none */
    const struct uuid *drop;       /* id of the channel to be removed; NULL: none */
};

/** Save it if the stored version is one less, with user.updated; `*is_saved` says whether it was. */
void account_whole_save(const struct store_call *call, const struct account_write *write,
                        const struct account_event *event, bool *is_saved);

#endif

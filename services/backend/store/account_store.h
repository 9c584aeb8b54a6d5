/* services/backend/store/account_store.h — accounts in PostgreSQL. Every change is one statement,
 * together with its outbox rows. */
#ifndef SERVICES_BACKEND_STORE_ACCOUNT_STORE_H
#define SERVICES_BACKEND_STORE_ACCOUNT_STORE_H

#include "common/pg/pg.h"
#include "services/backend/domain/account.h"
#include "services/backend/store/session_store.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement ACCOUNT_ADD, ACCOUNT_GET, ACCOUNT_FIND, ACCOUNT_SET_PASSWORD,
    ACCOUNT_REMOVE, ACCOUNT_SEQ;

/** The event that a change causes; borrowed until the call returns. */
struct account_event {
    const char *data; /* account_write_event */
    const char *traceparent;
    int64_t now_ms;
};

/** Add an account with its first session and user.registered. ERR_CONFLICT (slug "email_taken")
 *  when another account has the e-mail address. */
void account_store_add(const struct store_call *call, const struct account *account,
                       const struct new_session *session, const struct account_event *event);

/** Read an account. ERR_NOT_FOUND when it is gone. */
void account_store_get(const struct store_call *call, const struct uuid *id,
                       struct account *account);

/** Read the account of a normalised e-mail address; with none `account->id` is "". */
void account_store_find(const struct store_call *call, const char *email, struct account *account);

/** Replace the password if the hash is still `account->password_hash`, and end every session but
 *  `keep`, with update.signed-out; `*is_saved` says whether it was. ERR_UNAUTHENTICATED when the account
 *  is gone. */
void account_store_set_password(const struct store_call *call, const struct account *account,
                                const char *new_hash, const struct uuid *keep,
                                const struct signed_out *update, bool *is_saved);

/** Delete the account if version and hash are still those of `account`, with user.deleted and
 *  update.user-deleted; what it owns is left to the purge. ERR_UNAUTHENTICATED when it is gone. */
void account_store_remove(const struct store_call *call, const struct account *account,
                          const struct account_event *event, bool *is_removed);

/** Read the number of an owner's last change. ERR_NOT_FOUND when the account is gone. */
void account_store_seq(const struct store_call *call, const struct uuid *id, int64_t *seq);

#endif

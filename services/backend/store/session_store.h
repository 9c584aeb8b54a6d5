/* services/backend/store/session_store.h — sessions and their rotating refresh tokens. */
#ifndef SERVICES_BACKEND_STORE_SESSION_STORE_H
#define SERVICES_BACKEND_STORE_SESSION_STORE_H

#include "common/pg/pg.h"
#include "services/backend/domain/account.h"
#include "services/backend/domain/principal.h"
#include "services/backend/domain/secret_token.h"
#include "services/backend/store/signed_out.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement SESSION_ADD, SESSION_CHECK, SESSION_LIST, SESSION_REVOKE,
    SESSION_REVOKE_ALL, REFRESH_FIND, REFRESH_ROTATE;

struct new_session {
    struct uuid id;
    const char *user_agent;
    const char *address;
    int64_t days; /* of life */
    struct secret_digest digest;
    struct secret_salt salt;
};

/** Add a session of `account` in its generation of credentials; the oldest ones make room so that
 *  there are at most `sessions_max`. `*is_added` is false when the account is gone. */
void session_store_add(const struct store_call *call, const struct account *account,
                       const struct new_session *session, int sessions_max, bool *is_added);

/** Set `*is_alive` to whether the principal's session may still be used; then fill in what of `*who`
 *  is his account's. */
void session_store_check(const struct store_call *call, struct principal *who, bool *is_alive);

struct session_list {
    struct session *sessions;
    size_t n_sessions;
};

/** List a user's live sessions, the last used first. */
void session_store_list(const struct store_call *call, const struct principal *who,
                        struct session_list *list);

/** End one session of a user; `*is_found` says whether there was one. */
void session_store_revoke(const struct store_call *call, const struct uuid *account_id,
                          const struct uuid *id, bool *is_found);

/** End all sessions of a user, those that are just being made too, with update.signed-out. */
void session_store_revoke_all(const struct store_call *call, const struct uuid *account_id,
                              const struct signed_out *update);

/** A refresh token as it is kept. */
struct refresh_state {
    bool is_found;
    bool is_alive;    /* its session is */
    bool is_replaced; /* before */
    bool is_in_grace; /* … but so little ago that its successor is given again */
    struct uuid session_id;
    struct account account;
    struct secret_salt salt;
};

void refresh_store_find(const struct store_call *call, const struct secret_digest *digest,
                        int grace_s, struct refresh_state *state);

/** Replace `old` by `next`, or find it so replaced within the grace; the session lives for `days`
 *  more days. `*is_rotated` is false when someone else replaced it meanwhile. ERR_UNAUTHENTICATED (slug
 *  "session_ended") when the session is gone. */
struct refresh_rotation {
    struct secret_digest old, next;
    struct secret_salt next_salt;
    int grace_s, days;
};
void refresh_store_rotate(const struct store_call *call, const struct refresh_rotation *rotation,
                          bool *is_rotated);

#endif

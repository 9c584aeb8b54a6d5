/* services/backend/handlers/signed_in.h — what registration, sign-in and refresh have in common: a
 * session that begins or goes on, answered with an access token and a refresh cookie. */
#ifndef SERVICES_BACKEND_HANDLERS_SIGNED_IN_H
#define SERVICES_BACKEND_HANDLERS_SIGNED_IN_H

#include "services/backend/domain/account.h"
#include "services/backend/domain/secret_token.h"
#include "services/backend/request.h"
#include "services/backend/store/session_store.h"

/** Make a session of the client that sent this request, and its first refresh token. */
void signed_in_begin(struct request *request, struct new_session *session,
                     struct secret_token *refresh);

/** Take one of the address's registrations and sign-ins; fail the request when there is none. */
MUST_CHECK bool signed_in_take_turn(struct request *request);

/** Reply with both tokens and the account, or set flow.err when they cannot be signed. */
struct signed_in {
    const struct account *account;
    const struct uuid *session_id;
    const struct secret_token *refresh;
};
void signed_in_reply(struct request *request, int status, const struct signed_in *signed_in);

/** Have the browser forget the refresh cookie. */
void signed_in_clear_cookie(struct request *request);

#endif

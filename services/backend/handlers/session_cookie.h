/* services/backend/handlers/session_cookie.h — the refresh cookie of a request that acts by it. */
#ifndef SERVICES_BACKEND_HANDLERS_SESSION_COOKIE_H
#define SERVICES_BACKEND_HANDLERS_SESSION_COOKIE_H

#include "services/backend/domain/secret_token.h"
#include "services/backend/request.h"

/** Read the refresh token; `*has_token` says whether there is a well-formed one. Fail with
 *  ERR_FORBIDDEN, slug "cross_site", when there is one and the request comes from another site. */
MUST_CHECK bool session_cookie_read(struct request *request, struct secret_token *token,
                                    bool *has_token);

#endif

/* services/backend/store/api_token_store.h — personal API tokens, by their digest. */
#ifndef SERVICES_BACKEND_STORE_API_TOKEN_STORE_H
#define SERVICES_BACKEND_STORE_API_TOKEN_STORE_H

#include "common/pg/pg.h"
#include "services/backend/domain/account.h"
#include "services/backend/domain/principal.h"
#include "services/backend/domain/secret_token.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement API_TOKEN_ADD, API_TOKEN_FIND, API_TOKEN_TOUCH, API_TOKEN_LIST,
    API_TOKEN_REVOKE;

/** Add `token` unless its owner has `tokens_max` already (ERR_CONFLICT, slug "too_many_tokens") or was
 *  deleted (ERR_UNAUTHENTICATED). */
void api_token_store_add(const struct store_call *call, const struct uuid *account_id,
                         const struct api_token *token, const struct secret_digest *digest,
                         int tokens_max);

/** Read who holds a token that has not expired; `who->user_id` is "" when there is none such. A use
 *  is noted once a minute, without being waited for. */
void api_token_store_find(const struct store_call *call, const struct secret_digest *digest,
                          struct principal *who);

struct api_token_list {
    struct api_token *tokens;
    size_t n_tokens;
};
void api_token_store_list(const struct store_call *call, const struct uuid *account_id,
                          struct api_token_list *list);

/** Delete one; `*is_found` says whether there was one. */
void api_token_store_revoke(const struct store_call *call, const struct uuid *account_id,
                            const struct uuid *id, bool *is_found);

#endif

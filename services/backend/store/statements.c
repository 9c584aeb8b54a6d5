#include "services/backend/store/statements.h"

#include "services/backend/store/account_store.h"
#include "services/backend/store/api_token_store.h"
#include "services/backend/store/purge_store.h"
#include "services/backend/store/session_store.h"
#include "services/backend/store/sign_in_store.h"

const struct pg_statement *const backend_statements[] = {
    /* accounts */
    &ACCOUNT_ADD,
    &ACCOUNT_GET,
    &ACCOUNT_FIND,
    &ACCOUNT_SAVE,
    &ACCOUNT_SET_PASSWORD,
    &ACCOUNT_REMOVE,
    &ACCOUNT_SEQ,
    &SESSION_ADD,
    &SESSION_CHECK,
    &SESSION_LIST,
    &SESSION_REVOKE,
    &SESSION_REVOKE_ALL,
    &REFRESH_FIND,
    &REFRESH_ROTATE,
    &SIGN_IN_ATTEMPT,
    &SIGN_IN_FORGIVE,
    &API_TOKEN_ADD,
    &API_TOKEN_FIND,
    &API_TOKEN_TOUCH,
    &API_TOKEN_LIST,
    &API_TOKEN_REVOKE,

    /* what has expired */
    &PURGE_SESSIONS,
    &PURGE_REFRESH_TOKENS,
    &PURGE_API_TOKENS,
    &PURGE_SIGN_IN_FAILURES,
    &PURGE_REMOVED_ACCOUNT,

    NULL,
};

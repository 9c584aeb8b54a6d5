#include "services/backend/store/statements.h"

#include "services/backend/store/account_store.h"
#include "services/backend/store/account_whole.h"
#include "services/backend/store/api_token_store.h"
#include "services/backend/store/idempotency_store.h"
#include "services/backend/store/notification_store.h"
#include "services/backend/store/purge_store.h"
#include "services/backend/store/series_store.h"
#include "services/backend/store/session_store.h"
#include "services/backend/store/sign_in_store.h"
#include "services/backend/store/task_list.h"
#include "services/backend/store/task_purge.h"
#include "services/backend/store/task_store.h"

#define LISTS_OF(lists)                                                                            \
    &(lists)[0], &(lists)[1], &(lists)[2], &(lists)[3], &(lists)[4], &(lists)[5], &(lists)[6],     \
        &(lists)[7]
_Static_assert(TASK_N_LISTS == 8, "LISTS_OF names them all");

const struct pg_statement *const backend_statements[] = {
    /* accounts */
    &ACCOUNT_ADD,
    &ACCOUNT_GET,
    &ACCOUNT_FIND,
    &ACCOUNT_WHOLE_GET,
    &ACCOUNT_WHOLE_SAVE,
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

    /* tasks */
    &TASK_GET,
    &TASK_LOAD,
    &TASK_EXISTS,
    &TASK_ADD,
    &TASK_ADD_SERIES,
    &TASK_SAVE,
    &TASK_SAVE_SERIES,
    &TASK_PURGE_ONE,
    &TASK_CHANGES,
    &SERIES_GET,
    &SERIES_OCCURRENCES,
    &SERIES_LIST,
    &OCCURRENCE_ADD,
    LISTS_OF(TASK_LISTS),
    LISTS_OF(TASK_SEARCHES),
    &IDEMPOTENCY_KEEP,

    /* what the app shows */
    &NOTIFICATION_ADD,
    &NOTIFICATION_GET,
    &NOTIFICATION_LIST,
    &NOTIFICATION_LIST_UNREAD,
    &NOTIFICATION_READ,
    &NOTIFICATION_READ_ALL,
    &NOTIFICATION_PURGE,

    /* what has expired */
    &PURGE_SESSIONS,
    &PURGE_REFRESH_TOKENS,
    &PURGE_API_TOKENS,
    &PURGE_SIGN_IN_FAILURES,
    &PURGE_REMOVED_ACCOUNT,
    &TASK_PURGE_TRASH,
    &TASK_PURGE_TOMBSTONES,
    &TASK_PURGE_REPLIES,

    NULL,
};

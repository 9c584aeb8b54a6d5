/* services/backend/store/sign_in_store.h — failed sign-ins, counted by account and by address.
 *
 * An attempt is counted as a failure before the password is looked at, and taken back when it was
 * right: so attempts that run at once cannot slip past the lock. (Right ones count too while they
 * run: whoever signs in more often at once than there are free failures is told to come again.) */
#ifndef SERVICES_BACKEND_STORE_SIGN_IN_STORE_H
#define SERVICES_BACKEND_STORE_SIGN_IN_STORE_H

#include <stdint.h>

#include "common/pg/pg.h"
#include "services/backend/domain/secret_token.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement SIGN_IN_ATTEMPT, SIGN_IN_FORGIVE;

struct sign_in_attempt {
    struct secret_digest account, address; /* of what identifies them */
    int account_free, address_free;        /* failures without a lock */
    int lock_max_s;
};

/** Count an attempt. `*wait_s` is 0, or for how long one of the two is locked; then it must be
 *  refused unseen. */
void sign_in_store_attempt(const struct store_call *call, const struct sign_in_attempt *attempt,
                           int64_t *wait_s);

/** The password was right: the account's failures are forgotten, and this one of the address. */
void sign_in_store_forgive(const struct store_call *call, const struct sign_in_attempt *attempt);

#endif

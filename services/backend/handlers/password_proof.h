/* services/backend/handlers/password_proof.h — the steps by which someone proves that they know a
 * password: counted beforehand, checked by a thread, forgiven when right. A flow that needs them has
 * struct proof as its first member, and the steps in this order, after `email`, `password`
 * and (before the check) `account` were filled. */
#ifndef SERVICES_BACKEND_HANDLERS_PASSWORD_PROOF_H
#define SERVICES_BACKEND_HANDLERS_PASSWORD_PROOF_H

#include "services/backend/domain/account.h"
#include "services/backend/request.h"
#include "services/backend/store/sign_in_store.h"

struct proof {
    struct request request; /* first member */
    const char *email;      /* normalised */
    const char *password;   /* as it was sent */
    struct account account; /* id "" when there is none: the same work is done, and it is wrong */
    struct sign_in_attempt attempt;
    int64_t wait_s;
};

/** Fail with ERR_RATE while the account or the address is locked, ERR_UNAVAILABLE when no thread
 *  will have time. */
flow_step_fn password_proof_count;
/** Fail with ERR_UNAUTHENTICATED, slug "wrong_credentials", which names neither half. */
flow_step_fn password_proof_check;
flow_step_fn password_proof_forgive;

/** Set `err` to what password_proof_check fails with. */
void password_proof_say_wrong(struct err *err);

/** Load the account of request.who; sets `email`. */
flow_step_fn password_proof_load_own;

#endif

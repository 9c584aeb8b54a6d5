/* services/backend/handlers/account_reply.h — an account as the answer of a request. */
#ifndef SERVICES_BACKEND_HANDLERS_ACCOUNT_REPLY_H
#define SERVICES_BACKEND_HANDLERS_ACCOUNT_REPLY_H

#include "services/backend/domain/account.h"
#include "services/backend/request.h"

/** Reply 200 with the account. */
void account_reply(struct request *request, const struct account *account);

#endif

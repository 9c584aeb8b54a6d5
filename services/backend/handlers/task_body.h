/* services/backend/handlers/task_body.h — what the task routes read and reply alike. */
#ifndef SERVICES_BACKEND_HANDLERS_TASK_BODY_H
#define SERVICES_BACKEND_HANDLERS_TASK_BODY_H

#include "services/backend/domain/task_input.h"
#include "services/backend/request.h"

/** Read the id in the path. ERR_NOT_FOUND when it is no UUID: no task has it. */
MUST_CHECK bool task_body_read_id(const struct request *request, struct uuid *id, struct err *err);

/** Refuse every query parameter: this route has none. */
MUST_CHECK bool task_body_check_no_query(struct request *request, struct err *err);

/** Hold a patch that was read against every rule, and bring it into its normal form. */
MUST_CHECK bool task_body_check_patch(struct task_patch *patch, struct arena *arena,
                                      struct err *err);

/** Read a query parameter that is true or false; `*flag` stays when it is absent. */
MUST_CHECK bool task_body_read_flag(struct request *request, const char *name, bool *flag,
                                    struct err *err);

/** Read the query parameter `scope` into the patch; it stays as it is when absent. */
MUST_CHECK bool task_body_read_scope(struct request *request, struct task_patch *patch,
                                     struct err *err);

/** Add the header ETag. */
void task_body_add_etag(struct request *request, int64_t version);

#endif

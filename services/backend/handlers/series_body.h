/* services/backend/handlers/series_body.h — what the routes of series read and reply alike. */
#ifndef SERVICES_BACKEND_HANDLERS_SERIES_BODY_H
#define SERVICES_BACKEND_HANDLERS_SERIES_BODY_H

#include "common/json/json_out.h"
#include "services/backend/domain/series.h"
#include "services/backend/request.h"
#include "services/backend/store/series_store.h"

/** Read the id in the path. ERR_NOT_FOUND when it is no UUID: no series has it. */
MUST_CHECK bool series_body_read_id(const struct request *request, struct uuid *id,
                                    struct err *err);

/** Write the members of a series into the object that is open. */
void series_body_write(struct json_out *json, const struct series *series);

/** Reply with a series and its newest task, null when that was purged. */
void series_body_reply(struct request *request, const struct series_state *state);

#endif

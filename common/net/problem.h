/* common/net/problem.h — errors as RFC 9457 problem+json, and the names of HTTP statuses. */
#ifndef COMMON_NET_PROBLEM_H
#define COMMON_NET_PROBLEM_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/** Append type, title, status, detail, code, trace_id (unless NULL), and errors[] of {field,
 *  message} when `err` has fields. `status` stands beside err's own for what has no err_code. */
void problem_write(const struct err *err, int status, const char *trace_id, struct buf *out);

/** Return the phrase of a status (RFC 9110 §15), "Error" for one that is not listed. Static. */
const char *http_status_phrase(int status);

#endif

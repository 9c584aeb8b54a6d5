/* services/audit/app.h — the one root of the process: the struct alone, for handlers. */
#ifndef SERVICES_AUDIT_APP_H
#define SERVICES_AUDIT_APP_H

#include "common/service/service.h"
#include "services/audit/config.h"

struct head_export;

struct app {
    struct service service;      /* first member: loop, pool, dapr, log, metrics */
    const struct config *config; /* borrowed from main */
    struct head_export *head_export;
};

void app_make_spec(struct service_spec *spec); /* app.c */

#endif

/* services/recurring-task/handlers/series_decide.h — a step of due work: decide about some series
 * whose time has come or that have changed. */
#ifndef SERVICES_RECURRING_TASK_HANDLERS_SERIES_DECIDE_H
#define SERVICES_RECURRING_TASK_HANDLERS_SERIES_DECIDE_H

#include "common/service/due_work.h"

due_step_fn series_decide_start; /* the argument is the app, whose decider gets the step's end */

#endif

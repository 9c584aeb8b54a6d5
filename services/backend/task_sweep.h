/* services/backend/task_sweep.h — the trash is emptied after TRASH_DAYS, and what else of the tasks
 * has had its time goes, in bounded steps. Every replica sweeps: no step waits for another's. */
#ifndef SERVICES_BACKEND_TASK_SWEEP_H
#define SERVICES_BACKEND_TASK_SWEEP_H

struct app;
struct task_sweep;

/** Begin a round soon, then every PURGE_INTERVAL_S. */
struct task_sweep *task_sweep_new(struct app *app);
void task_sweep_free(struct task_sweep *sweep); /* NULL is fine */

#endif

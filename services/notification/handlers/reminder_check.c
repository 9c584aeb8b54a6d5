/* POST /reminder-check — the cron binding fired, here as on every replica: look for work of each kind.
 * What a timer or a commit has seen to already is found done. */
#include "services/notification/handlers/reminder_check.h"

#include "services/notification/app.h"

void reminder_check_start(void *context, struct http_request *req)
{
    struct app *app = context;

    work_wake(&app->work);
    due_work_wake(app->work.digest);
    due_work_answer_cron(app->work.send, req);
}

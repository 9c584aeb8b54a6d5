#include "services/recurring-task/app.h"
#include "services/recurring-task/config.h"
#include "services/recurring-task/store/copy_store.h"

int main(int argc, char **argv)
{
    struct config config = {0};
    struct app app = {.base = {.store = &copy_store, .changed = app_wake_decider}};
    struct service_spec spec;

    app_make_spec(&spec);
    return service_main(&spec, &app, &config, argc, argv);
}

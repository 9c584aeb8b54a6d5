#include "services/notification/app.h"
#include "services/notification/config.h"
#include "services/notification/store/copy_store.h"

int main(int argc, char **argv)
{
    struct config config = {0};
    struct app app = {.base = {.store = &copy_store, .changed = app_wake}, .config = &config};
    struct service_spec spec;

    app_make_spec(&spec);
    return service_main(&spec, &app, &config, argc, argv);
}

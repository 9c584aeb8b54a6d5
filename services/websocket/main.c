#include "services/websocket/app.h"
#include "services/websocket/config.h"

int main(int argc, char **argv)
{
    struct config config = {0};
    struct app app = {.config = &config};
    struct service_spec spec;

    app_make_spec(&spec);
    return service_main(&spec, &app, &config, argc, argv);
}

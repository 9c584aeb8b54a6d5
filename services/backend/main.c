#include "services/backend/app.h"

int main(int argc, char **argv)
{
    struct config config = {0};
    struct app app = {.config = &config};

    return service_main(&app_spec, &app, &config, argc, argv);
}

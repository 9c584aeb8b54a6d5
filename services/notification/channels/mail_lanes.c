#include "services/notification/channels/mail_lanes.h"

#include <assert.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

static bool add(struct mail_lanes *lanes, const char *name, size_t length)
{
    struct mail_lane *lane = &lanes->lanes[lanes->n_lanes];

    if (lanes->n_lanes == MAIL_LANES_MAX || length == 0 || length > MAIL_BINDING_MAX)
        return false;
    *lane = (struct mail_lane){.binding = ""};
    memcpy(lane->binding, name, length);
    for (int i = 0; i < lanes->n_lanes; i++)
        if (strcmp(lanes->lanes[i].binding, lane->binding) == 0)
            return false; /* one binding with two mails at once is what must not be */
    lanes->n_lanes++;
    return true;
}

bool mail_lanes_read(const char *list, struct mail_lanes *lanes, struct err *err)
{
    const char *name = list;

    lanes->n_lanes = 0;
    for (;;) {
        size_t length = strspn(name, NAME_CHARACTERS);

        if (!add(lanes, name, length) || (name[length] != ',' && name[length] != '\0'))
            return err_set(err, ERR_INVALID,
                           "MAIL_BINDINGS is not up to %d different names of bindings with commas "
                           "between: %s",
                           MAIL_LANES_MAX, list);
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

struct mail_lane *mail_lanes_take(struct mail_lanes *lanes)
{
    int i = 0;

    while (i < lanes->n_lanes && lanes->lanes[i].is_taken)
        i++;
    assert(i < lanes->n_lanes);
    lanes->lanes[i].is_taken = true;
    return &lanes->lanes[i];
}

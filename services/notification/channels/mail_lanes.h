/* services/notification/channels/mail_lanes.h — the mail bindings, side by side. A binding takes one mail at a
 * time (mail.c), so as many go at once as there are bindings; each is a component of its own in dapr/. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_MAIL_LANES_H
#define SERVICES_NOTIFICATION_CHANNELS_MAIL_LANES_H

#include <stdbool.h>

#include "common/base/err.h"

enum { MAIL_LANES_MAX = 8, MAIL_BINDING_MAX = 64 };

struct mail_lanes {
    struct mail_lane {
        char binding[MAIL_BINDING_MAX + 1];
        bool is_taken;
    } lanes[MAIL_LANES_MAX];
    int n_lanes;
};

/** Read names of output bindings with commas between. ERR_INVALID names the setting. */
MUST_CHECK bool mail_lanes_read(const char *list, struct mail_lanes *lanes, struct err *err);

/** Take the first one that is free: there is one (channel_room). Give it back by its is_taken. */
struct mail_lane *mail_lanes_take(struct mail_lanes *lanes);

#endif

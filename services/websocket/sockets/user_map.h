/* services/websocket/sockets/user_map.h — the users who have a socket open here, by id. */
#ifndef SERVICES_WEBSOCKET_SOCKETS_USER_MAP_H
#define SERVICES_WEBSOCKET_SOCKETS_USER_MAP_H

#include <stddef.h>
#include <sys/queue.h>

#include "common/base/uuid.h"
#include "services/websocket/domain/seq_window.h"

struct hub_socket;
TAILQ_HEAD(hub_sockets, hub_socket);

struct user {
    struct uuid id;
    struct seq_window window;
    struct hub_sockets sockets; /* empty when just added */
    size_t n_sockets;
    struct user *next; /* in its bucket */
};

struct user_map;

struct user_map *user_map_new(void);
void user_map_free(struct user_map *map); /* frees the users in it; NULL is fine */
struct user *user_map_find(const struct user_map *map, const struct uuid *id); /* NULL: none */
/** Find, or add a new one. It stays where it is until it is removed. */
struct user *user_map_add(struct user_map *map, const struct uuid *id);
void user_map_remove(struct user_map *map, struct user *user); /* frees it */
size_t user_map_count(const struct user_map *map);

#endif

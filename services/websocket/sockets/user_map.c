#include "services/websocket/sockets/user_map.h"

#include <string.h>

#include "common/base/mem.h"
#include "services/websocket/domain/uuid_hash.h"

enum { FIRST_BUCKETS = 64 };

struct user_map {
    struct user **buckets;
    size_t n_buckets; /* a power of two, at least the number of users */
    size_t n_users;
};

struct user_map *user_map_new(void)
{
    struct user_map *map = MEM_NEW(struct user_map);

    map->n_buckets = FIRST_BUCKETS;
    map->buckets = mem_new_array(map->n_buckets, sizeof(struct user *));
    return map;
}

void user_map_free(struct user_map *map)
{
    struct user *user;

    if (!map)
        return;
    for (size_t i = 0; i < map->n_buckets; i++) {
        while ((user = map->buckets[i])) {
            map->buckets[i] = user->next;
            mem_free(user);
        }
    }
    mem_free(map->buckets);
    mem_free(map);
}

static struct user **bucket_of(const struct user_map *map, const struct uuid *id)
{
    return &map->buckets[uuid_hash(id) & (map->n_buckets - 1)];
}

struct user *user_map_find(const struct user_map *map, const struct uuid *id)
{
    struct user *user = *bucket_of(map, id);

    while (user && strcmp(user->id.text, id->text) != 0)
        user = user->next;
    return user;
}

static void grow(struct user_map *map)
{
    struct user_map grown = {.n_buckets = map->n_buckets * 2, .n_users = map->n_users};
    struct user *user;

    grown.buckets = mem_new_array(grown.n_buckets, sizeof(struct user *));
    for (size_t i = 0; i < map->n_buckets; i++) {
        while ((user = map->buckets[i])) {
            struct user **bucket = bucket_of(&grown, &user->id);

            map->buckets[i] = user->next;
            user->next = *bucket;
            *bucket = user;
        }
    }
    mem_free(map->buckets);
    *map = grown;
}

struct user *user_map_add(struct user_map *map, const struct uuid *id)
{
    struct user *user = user_map_find(map, id);
    struct user **bucket;

    if (user)
        return user;
    if (map->n_users == map->n_buckets)
        grow(map);
    user = MEM_NEW(struct user);
    user->id = *id;
    TAILQ_INIT(&user->sockets);
    bucket = bucket_of(map, id);
    user->next = *bucket;
    *bucket = user;
    map->n_users++;
    return user;
}

void user_map_remove(struct user_map *map, struct user *user)
{
    struct user **at = bucket_of(map, &user->id);

    while (*at != user)
        at = &(*at)->next;
    *at = user->next;
    map->n_users--;
    mem_free(user);
}

size_t user_map_count(const struct user_map *map)
{
    return map->n_users;
}

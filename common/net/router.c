#include "common/net/router.h"

#include <assert.h>
#include <string.h>

#include "common/base/mem.h"

/* A tree with one level per segment. The children of a node stand in a list, literals before the
 * one that takes any segment, so that the first match is the best; a literal whose subtree has no
 * match gives way to the parameter. */
struct node {
    const char *text; /* the segment in the route's path; n_text is 0 with is_param */
    size_t n_text;
    bool is_param;
    unsigned methods;
    const struct route *routes[7]; /* by bit of the method */
    struct node *child, *sibling;
};

struct router {
    struct node root;
};

struct search {
    enum http_method method;
    const char *const *segments;
    size_t n_segments;
    struct router_match *match;
};

static size_t method_bit(enum http_method method)
{
    return (size_t)__builtin_ctz((unsigned)method);
}

static struct node *find_child(struct node *node, const char *text, size_t n_text, bool is_param)
{
    for (struct node *child = node->child; child; child = child->sibling)
        if (child->is_param
                ? is_param
                : !is_param && child->n_text == n_text && memcmp(child->text, text, n_text) == 0)
            return child;
    return NULL;
}

static struct node *add_child(struct node *node, const char *text, size_t n_text, bool is_param)
{
    struct node *child = MEM_NEW(struct node);
    struct node **at = &node->child;

    child->text = text;
    child->n_text = n_text;
    child->is_param = is_param;
    while (is_param && *at)
        at = &(*at)->sibling;
    child->sibling = *at;
    *at = child;
    return child;
}

static void add_route(struct router *router, const struct route *route)
{
    struct node *node = &router->root;
    size_t n_params = 0, n_segments = 0;

    assert(route->path[0] == '/' && route->method != HTTP_HEAD);
    for (const char *at = route->path + 1;; at++) {
        size_t n_text = strcspn(at, "/");
        bool is_param = n_text > 2 && at[0] == '{' && at[n_text - 1] == '}';
        struct node *child = find_child(node, at, n_text, is_param);

        node = child ? child : add_child(node, at, n_text, is_param);
        n_params += is_param;
        n_segments++;
        at += n_text;
        if (!*at)
            break;
    }
    assert(n_params <= HTTP_PARAMS_MAX && n_segments <= ROUTER_SEGMENTS_MAX);
    (void)n_params;
    (void)n_segments;
    assert(!(node->methods & route->method));
    node->methods |= route->method;
    node->routes[method_bit(route->method)] = route;
}

struct router *router_new(const struct route *routes, size_t n_routes)
{
    struct router *router = MEM_NEW(struct router);

    for (size_t i = 0; i < n_routes; i++)
        add_route(router, &routes[i]);
    return router;
}

static void free_children(struct node *node)
{
    struct node *child;

    while ((child = node->child)) {
        node->child = child->sibling;
        free_children(child);
        mem_free(child);
    }
}

void router_free(struct router *router)
{
    if (!router)
        return;
    free_children(&router->root);
    mem_free(router);
}

/* Return whether some row has this path. */
static bool search_below(const struct search *search, const struct node *node, size_t at)
{
    struct router_match *match = search->match;

    if (at == search->n_segments) {
        match->methods = node->methods;
        match->route =
            node->methods & search->method ? node->routes[method_bit(search->method)] : NULL;
        return node->methods != 0;
    }
    for (const struct node *child = node->child; child; child = child->sibling) {
        const char *segment = search->segments[at];

        if (!child->is_param) {
            if (strlen(segment) == child->n_text &&
                memcmp(segment, child->text, child->n_text) == 0 &&
                search_below(search, child, at + 1))
                return true;
        } else if (*segment) {
            match->params[match->n_params++] = (unsigned char)at;
            if (search_below(search, child, at + 1))
                return true;
            match->n_params--;
        }
    }
    return false;
}

void router_find(const struct router *router, enum http_method method, const char *const *segments,
                 size_t n_segments, struct router_match *match)
{
    const struct search search = {.method = method == HTTP_HEAD ? HTTP_GET : method,
                                  .segments = segments,
                                  .n_segments = n_segments,
                                  .match = match};

    *match = (struct router_match){0};
    search_below(&search, &router->root, 0);
}

int router_param_index(const struct route *route, const char *name)
{
    size_t n_name = strlen(name);
    int index = 0;

    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{'), index++)
        if (strncmp(at + 1, name, n_name) == 0 && at[n_name + 1] == '}')
            return index;
    return -1;
}

/* common/dapr/state.c — the state store through the sidecar. */
#include "common/dapr/state.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/json/json_out.h"

struct add_call {
    dapr_done_fn *done;
    void *arg;
};

struct get_call {
    dapr_state_fn *done;
    void *arg;
};

/* postgresql v2 has no status of its own for a lost first write */
static bool is_lost_first_write(const struct http_answer *answer)
{
    return answer != NULL && answer->status == 500 &&
           strstr(answer->body, "no item was updated") != NULL;
}

static void on_added(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct add_call *call = arg;
    struct err conflict = {0};

    if (err != NULL && is_lost_first_write(answer)) {
        err_set(&conflict, ERR_CONFLICT, "state: the key is taken");
        err = &conflict;
    }
    call->done(call->arg, err);
    mem_free(call);
}

void dapr_state_add(struct dapr *dapr, const struct dapr_entry *entry, const char *json, int ttl_s,
                    dapr_done_fn *done, void *arg)
{
    struct add_call *call = MEM_NEW(struct add_call);
    struct json_out out;
    struct buf path, body;
    char ttl[16];

    *call = (struct add_call){done, arg};
    snprintf(ttl, sizeof ttl, "%d", ttl_s);
    buf_init(&path);
    buf_init(&body);
    buf_format(&path, "/v1.0/state/%s", entry->store);
    json_out_init(&out, &body);
    json_open_array(&out, NULL);
    json_open_object(&out, NULL);
    json_text(&out, "key", entry->key);
    json_raw(&out, "value", json);
    json_open_object(&out, "metadata");
    json_text(&out, "ttlInSeconds", ttl);
    json_close_object(&out);
    json_open_object(&out, "options");
    json_text(&out, "concurrency", "first-write");
    json_close_object(&out);
    json_close_object(&out);
    json_close_array(&out);
    dapr_send(dapr,
              &(struct dapr_request){.method = HTTP_POST,
                                     .path = buf_text(&path),
                                     .content_type = "application/json",
                                     .body = body.bytes,
                                     .n_bytes = body.n_bytes,
                                     .limit_ms = entry->limit_ms},
              on_added, call);
    buf_clear(&path);
    buf_clear(&body);
}

static void add_entry_path(struct buf *path, const struct dapr_entry *entry)
{
    buf_format(path, "/v1.0/state/%s/", entry->store);
    dapr_add_escaped(path, entry->key);
}

static void on_got(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct get_call *call = arg;
    bool is_there = err == NULL && answer->status == 200 && answer->n_bytes > 0;

    call->done(call->arg, is_there ? answer->body : NULL, err);
    mem_free(call);
}

void dapr_state_get(struct dapr *dapr, const struct dapr_entry *entry, dapr_state_fn *done,
                    void *arg)
{
    struct get_call *call = MEM_NEW(struct get_call);
    struct buf path;

    *call = (struct get_call){done, arg};
    buf_init(&path);
    add_entry_path(&path, entry);
    dapr_send(dapr,
              &(struct dapr_request){
                  .method = HTTP_GET, .path = buf_text(&path), .limit_ms = entry->limit_ms},
              on_got, call);
    buf_clear(&path);
}

void dapr_state_delete(struct dapr *dapr, const struct dapr_entry *entry, dapr_done_fn *done,
                       void *arg)
{
    struct buf path;

    buf_init(&path);
    add_entry_path(&path, entry);
    dapr_send_plain(dapr,
                    &(struct dapr_request){.method = HTTP_DELETE,
                                           .path = buf_text(&path),
                                           .limit_ms = entry->limit_ms},
                    done, arg);
    buf_clear(&path);
}

#include "services/backend/handlers/task_body.h"

#include <string.h>

#include "services/backend/domain/etag.h"
#include "services/backend/domain/time_zone.h"

bool task_body_read_id(const struct request *request, struct uuid *id, struct err *err)
{
    if (uuid_read(http_param(request->req, "id"), id))
        return true;
    return err_set(err, ERR_NOT_FOUND, "you have no task with this id");
}

bool task_body_check_no_query(struct request *request, struct err *err)
{
    static const char *const none[] = {NULL};

    return http_check_query(request->req, none, err);
}

bool task_body_check_patch(struct task_patch *patch, struct arena *arena, struct err *err)
{
    const char *path = patch->path;
    const char *zone = patch->task.time_zone;
    bool ok = task_patch_check(patch, arena, err);

    if (zone == NULL || time_zone_is_known(zone))
        return ok;
    return err_add_field(err, arena_format(arena, "%stime_zone", path == NULL ? "" : path),
                         "is not a time zone of the IANA database, like Europe/Berlin");
}

bool task_body_read_flag(struct request *request, const char *name, bool *flag, struct err *err)
{
    const char *text = http_query(request->req, name, err);

    if (text == NULL)
        return !err_is_set(err);
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_add_field(err, name, "must be true or false");
    *flag = text[0] == 't';
    return true;
}

bool task_body_read_scope(struct request *request, struct task_patch *patch, struct err *err)
{
    const char *text = http_query(request->req, "scope", err);

    if (text == NULL)
        return !err_is_set(err);
    for (int i = 0; task_scope_words[i] != NULL; i++)
        if (strcmp(task_scope_words[i], text) == 0) {
            patch->scope = (enum task_scope)(i + 1);
            return true;
        }
    return err_add_field(err, "scope", "must be one of: this, this_and_later");
}

void task_body_add_etag(struct request *request, int64_t version)
{
    char tag[ETAG_SIZE];

    etag_write(version, tag);
    http_add_header(request->req, "ETag", tag);
}

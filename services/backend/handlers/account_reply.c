#include "services/backend/handlers/account_reply.h"

#include "common/json/json_out.h"

void account_reply(struct request *request, const struct account *account)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_write_fields(&json, account_fields, account_n_fields, account);
    json_close_object(&json);
    request_reply_json(request, 200, &body);
    buf_clear(&body);
}

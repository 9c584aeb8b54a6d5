#include "services/backend/handlers/account_reply.h"

#include "common/json/json_field.h"

void account_reply(struct request *request, const struct account *account)
{
    struct buf body;

    buf_init(&body);
    json_write_object(&body, account_fields, account_n_fields, account);
    request_reply_json(request, 200, &body);
    buf_clear(&body);
}

/* services/backend/handlers/account_handlers.h — the starts of the account flows, for routes.c. */
#ifndef SERVICES_BACKEND_HANDLERS_ACCOUNT_HANDLERS_H
#define SERVICES_BACKEND_HANDLERS_ACCOUNT_HANDLERS_H

#include "common/net/http_server.h"

http_handler_fn account_register_start, account_read_start, account_update_start,
    account_delete_start, account_export_start, password_change_start;
http_handler_fn session_create_start, session_refresh_start, session_end_start, session_list_start,
    session_revoke_start, session_revoke_all_start;
http_handler_fn api_token_create_start, api_token_list_start, api_token_revoke_start;
http_handler_fn ws_ticket_start;
http_handler_fn docs_page_start, docs_yaml_start, docs_json_start, docs_redirect_start;

#endif

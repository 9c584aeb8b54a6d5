DROP TABLE inbox, outbox, removed_account, sign_in_failure, api_token, refresh_token, session, account;

-- Accounts and what signs them in; the outbox and inbox of the service.

CREATE TABLE account (
  id uuid PRIMARY KEY,
  email text NOT NULL,          -- normalised: lower case
  name text NOT NULL,
  time_zone text NOT NULL,      -- IANA name
  password_hash text NOT NULL,  -- argon2id, PHC string
  seq bigint NOT NULL,          -- the owner's changes so far; drawn under this row's lock
  version bigint NOT NULL,
  credentials bigint NOT NULL,  -- generation: a session of an earlier one is dead
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT account_email_key UNIQUE (email)
) WITH (fillfactor = 70);       -- seq changes with every task: room for HOT updates

CREATE TABLE session (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  credentials bigint NOT NULL,
  user_agent text NOT NULL,
  address text NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX session_account ON session (account_id, last_used_at);
CREATE INDEX session_expires_at ON session (expires_at);

-- A refresh token is 32 random bytes, or its predecessor's successor: BLAKE2b keyed with the
-- predecessor over its salt. So a refresh that is repeated gives the same successor, and neither
-- the digests nor the salts here give any token.
CREATE TABLE refresh_token (
  digest bytea PRIMARY KEY,     -- SHA-256
  session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
  salt bytea NOT NULL,
  created_at timestamptz NOT NULL,
  replaced_at timestamptz       -- NULL: the current one
);
CREATE INDEX refresh_token_session ON refresh_token (session_id, created_at);
CREATE INDEX refresh_token_replaced_at ON refresh_token (replaced_at);

CREATE TABLE api_token (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  digest bytea NOT NULL UNIQUE, -- SHA-256
  name text NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX api_token_account ON api_token (account_id, created_at);
CREATE INDEX api_token_expires_at ON api_token (expires_at);

-- Failed sign-ins, by SHA-256 of the e-mail address or of the network address.
CREATE TABLE sign_in_failure (
  digest bytea PRIMARY KEY,
  failures integer NOT NULL,
  last_at timestamptz NOT NULL,
  locked_until timestamptz      -- NULL: not yet
);
CREATE INDEX sign_in_failure_last_at ON sign_in_failure (last_at);

-- Owners whose account is gone and whose other rows are still to be deleted, in bounded steps.
CREATE TABLE removed_account (
  id uuid PRIMARY KEY,
  removed_at timestamptz NOT NULL
);

CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  topic text NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  owner_id uuid NOT NULL,
  seq bigint NOT NULL,
  occurred_at timestamptz NOT NULL,
  traceparent text NOT NULL,
  data text NOT NULL
);

CREATE TABLE inbox (
  event_id uuid PRIMARY KEY,
  handled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_handled_at ON inbox (handled_at);

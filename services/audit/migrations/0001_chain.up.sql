-- The chains: one head per owner, its entries, the key that makes their content readable.

-- Events already appended. Never purged: a dead letter may be replayed a year later.
CREATE TABLE inbox (
    event_id uuid PRIMARY KEY,
    handled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_handled_at ON inbox (handled_at);

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

-- Every append updates its row here, no index on what changes: the update stays on its page.
CREATE TABLE chain_head (
    owner_id uuid PRIMARY KEY,
    number bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    exported_number bigint NOT NULL DEFAULT 0,
    erased_at timestamptz -- the account was deleted and its payload key destroyed
) WITH (fillfactor = 70);

-- Its row goes with the account. Not encrypted itself: whoever reads this table reads entry too, and
-- what a service key would add is lost again in the service's own memory.
CREATE TABLE payload_key (
    owner_id uuid PRIMARY KEY,
    key bytea NOT NULL CHECK (octet_length(key) = 32)
);

-- What is hashed is stored as it is hashed: times are ms since 1970 UTC.
CREATE TABLE entry (
    owner_id uuid NOT NULL,
    number bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    subject text NOT NULL,
    seq bigint NOT NULL,
    occurred_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    payload bytea,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (owner_id, number)
);
ALTER TABLE entry ALTER COLUMN payload SET STORAGE EXTERNAL; -- ciphertext does not compress
CREATE INDEX entry_subject ON entry (owner_id, subject, number);
CREATE INDEX entry_seq ON entry (source, owner_id, seq, number) WHERE seq > 0;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the table entry is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_append_only_truncate BEFORE TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_append_only;
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_append_only_truncate;

-- Whose turn it is to export the heads, and when that was last done.
CREATE TABLE head_export (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    next_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO head_export DEFAULT VALUES;

-- The default privileges give the service all of this; it needs less.
REVOKE UPDATE, DELETE, TRUNCATE ON entry FROM audit;
REVOKE DELETE, TRUNCATE ON chain_head FROM audit;
REVOKE UPDATE, TRUNCATE ON payload_key FROM audit;
REVOKE DELETE, TRUNCATE ON inbox FROM audit;
REVOKE INSERT, DELETE, TRUNCATE ON head_export FROM audit;

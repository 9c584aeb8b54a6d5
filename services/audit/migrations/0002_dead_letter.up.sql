-- What a consumer could never handle. The originals are kept in the clear until their owner's
-- account is deleted; then only those stay that carry no content (user.deleted itself).
CREATE TABLE dead_letter (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    owner_id uuid NOT NULL,
    consumer text NOT NULL, -- 'unknown': the sidecar's own backstop does not say
    topic text NOT NULL,
    type text NOT NULL,     -- '' is not known: the original could not be read
    event_id uuid,          -- of the original; NULL: it could not be read
    reason text,            -- NULL: erased
    event text,             -- the original, unchanged; NULL: erased, or not JSON
    event_b64 text,         -- the original in base64, when it is not JSON
    received_at timestamptz NOT NULL DEFAULT now(),
    arrivals integer NOT NULL DEFAULT 1,
    replayed_at timestamptz,
    replays integer NOT NULL DEFAULT 0
);
CREATE INDEX dead_letter_owner ON dead_letter (owner_id);

REVOKE DELETE, TRUNCATE ON dead_letter FROM audit;

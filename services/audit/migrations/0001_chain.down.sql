DROP TABLE head_export, entry, payload_key, chain_head, outbox, inbox;
DROP FUNCTION refuse_change();

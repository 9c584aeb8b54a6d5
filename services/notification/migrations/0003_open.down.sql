DROP INDEX attempt_open;
DELETE FROM attempt a WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.id = a.delivery_id);
ALTER TABLE attempt ADD CONSTRAINT attempt_delivery_id_fkey
  FOREIGN KEY (delivery_id) REFERENCES delivery ON DELETE CASCADE;
CREATE INDEX delivery_claimed ON delivery (claimed_by) WHERE state = 1;
DROP INDEX delivery_waiting;
CREATE INDEX delivery_waiting ON delivery (channel, next_try_at) WHERE state IN (0, 2);
ALTER TABLE delivery DROP COLUMN is_open;

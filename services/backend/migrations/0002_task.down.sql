DROP TABLE idempotency, task_tombstone, task;
ALTER TABLE account DROP COLUMN sync_floor, DROP COLUMN task_count;

-- What has ended is deleted after a while: found by the later of its instant and its last try.
CREATE INDEX delivery_ended ON delivery (greatest(remind_at, next_try_at)) WHERE NOT is_open;

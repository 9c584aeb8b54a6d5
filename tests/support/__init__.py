"""What the service tests share: a private PostgreSQL, a fake sidecar, one real binary."""

"""Reports and alerts on their way out: letters, the outbox they wait in, and one file per way of sending."""

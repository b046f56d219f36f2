"""Letters, the outbox, and every way of sending, against servers on loopback."""

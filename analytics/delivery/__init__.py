"""Sends reports and alerts: letters, the outbox they wait in, and one module per way of sending."""

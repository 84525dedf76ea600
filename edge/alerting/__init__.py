"""Alerts, and the outbox they wait in."""

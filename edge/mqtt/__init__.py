"""Brings alerts to a broker, and shows those of others."""

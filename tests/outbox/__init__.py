"""Alerts on disk: in order, bounded, through crashes, damage and a full disk."""

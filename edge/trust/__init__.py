"""Whom a device takes bundles from."""

"""Follows people over frames and judges them."""

"""The networks, untrained."""

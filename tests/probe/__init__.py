"""What the nets run on is measured, compared, remembered, and shown."""

"""New bundles: fetched, tried, put in place of the old ones, and taken back if they fail."""

"""The demo source: an entrance drawn by code, and real faces walking through it."""

"""The HTTP service, and what watches it."""

"""Log events and how they are written."""

"""What this package is compared with."""

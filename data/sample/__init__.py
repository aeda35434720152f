"""Makes the project's sample data: prices from packages, and walk-forward trials over them."""

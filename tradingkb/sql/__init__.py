"""SQL plumbing that stores and the embedded vector index share: engines, types, bulk access."""

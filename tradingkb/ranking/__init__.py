"""Pure algorithms that judge evidence: standard library and NumPy only."""

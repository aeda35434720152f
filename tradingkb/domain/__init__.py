"""Pure values and rules of the knowledge base: standard library and NumPy only."""

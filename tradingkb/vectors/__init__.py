"""Vector indexes: embedded (SQLite and NumPy, exact) and Qdrant."""

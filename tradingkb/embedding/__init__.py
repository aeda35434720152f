"""Embedders: documents and queries to unit vectors."""

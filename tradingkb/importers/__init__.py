"""Importers: other people's files and frames to canonical trials."""

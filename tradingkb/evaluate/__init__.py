"""Evaluation: what the recommender's advice was worth, replayed walk-forward over the store."""

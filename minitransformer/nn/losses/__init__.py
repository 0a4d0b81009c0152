"""Losses as modules: of classes, of numbers, of probabilities, of vectors."""

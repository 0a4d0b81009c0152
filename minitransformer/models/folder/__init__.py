"""Folders as transformers' `save_pretrained` writes them: a configuration, weights and a vocabulary, read and written.

To add a model, write its class with its names table, and one row in `families.FAMILIES`.
"""

"""Sums of products: what matrix products are a case of."""

"""The same data in another shape."""

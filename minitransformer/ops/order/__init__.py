"""The largest, the smallest, and all values in order."""

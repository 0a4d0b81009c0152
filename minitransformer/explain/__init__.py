"""Explanation: what the model did, and why it may be believed."""

"""Optimizers and learning-rate schedules, under PyTorch's names."""

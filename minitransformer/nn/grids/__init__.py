"""Layers of values on grids, such as sound and pictures: convolution, pooling, resizing, normalization by channel."""

"""Values on grids of one, two or three dimensions, such as sound and pictures: convolution, pooling, resizing."""

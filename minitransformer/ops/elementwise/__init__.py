"""Functions of each element: arithmetic, elementary functions, rounding, comparisons."""

"""What networks are built from, fused into one op each: activations, attention, normalization, losses."""

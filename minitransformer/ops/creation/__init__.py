"""New tensors: from data, filled with a value, or drawn at random."""

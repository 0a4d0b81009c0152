"""Parts of tensors: picked, masked, placed."""

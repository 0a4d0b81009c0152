"""Many values to one, along dimensions."""

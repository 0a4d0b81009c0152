"""What every tensor has whatever its values: a dtype, a device, memory that others may share, a form in Python and NumPy."""

"""What must be true of the exercises of each lesson, and the mistakes that are known by name."""

"""The process in which a learner's code runs, and its walls: restrictions on what it may do. The library is not loaded there."""

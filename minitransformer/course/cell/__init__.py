"""The process in which a learner's code runs, and the walls around it. Nothing of the library is loaded there."""

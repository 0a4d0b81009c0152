"""The pictures of the lessons: a module for each lesson, a function for each picture of what its cells have computed."""

"""The exercises solved, one file a lesson: what the starters are made from, and what nobody is judged by."""

"""Text to learn from: prose that is always at hand, labelled reviews, and the baseline to beat on them."""

"""Where is the mistake? A line is named only if a small change of it has been tried, and made the answer right."""

"""The comparisons, a module each, and what they have in common."""

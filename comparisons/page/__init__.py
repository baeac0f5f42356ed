"""A function and its backward pass as one page that computes again whatever its reader changes."""

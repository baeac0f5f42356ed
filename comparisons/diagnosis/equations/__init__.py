"""The equations of a backward pass as on paper, and what they compute."""

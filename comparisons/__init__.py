"""Every way to the gradient of the tutorial's network held against every other.

`python -m comparisons` runs all of it. Each part is a module with `measure(...) -> dict`, numbers
and text alone, `tables(result)` for the terminal and `figure(result)`.
"""

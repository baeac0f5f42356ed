"""From a listing to straight-line NumPy in memory that is kept."""

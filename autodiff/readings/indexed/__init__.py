"""The index form: one entry at a time, as equations, as loops, and in C."""

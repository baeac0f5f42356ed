"""From the index form to C: written, built by the system's compiler, and called."""

"""What else can be read from graph and rules: equations, NumPy code, compiled programs."""

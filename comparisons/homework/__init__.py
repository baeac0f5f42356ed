"""Other people's files: run in a sandbox, understood, checked, graded."""

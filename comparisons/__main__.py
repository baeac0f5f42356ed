"""`python -m comparisons`."""

from comparisons.cli import main

main()

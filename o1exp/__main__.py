"""`python -m o1exp` is the console script."""

from o1exp.app import main

main()

"""`python -m o1exp` is the console script."""

from o1exp.app.main import main

main()

"""`python -m kelbo` is the command `kelbo`."""

from kelbo.cli.main import main

main()

"""``python -m m2fp_cli``."""

from m2fp_cli.cli import main

main()

"""``python -m m2fp_cli``, and where the command ``m2fp`` begins."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line.

    Ctrl-C while it is being imported ends the process at once and without a word, as nothing has
    begun; Python would print where it was.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # cron may have it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from m2fp_cli.cli import main as run

    run()


if __name__ == "__main__":
    main()

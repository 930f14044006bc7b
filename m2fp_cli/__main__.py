"""``python -m m2fp_cli``, and where the command ``m2fp`` begins."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line.

    Ctrl-C while it is being imported ends the process at once and without a word, as nothing has
    begun; Python would print where it was.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # cron may have it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _read_names_as_utf8()
    from m2fp_cli.cli import main as run

    run()


def _read_names_as_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale has another encoding.

    cron's locale, ``C``, gives that mode. Under ``LANG=de_DE``, which is Latin-1, ``ü.jpg`` would
    be another photo than cron's: results would be refused as those of somebody else.
    """
    if sys.getfilesystemencoding() != "utf-8" and "utf8" not in sys._xoptions:
        os.environ["PYTHONUTF8"] = "1"  # of the processes that this one starts, too
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()

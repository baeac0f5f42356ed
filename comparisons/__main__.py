"""`python -m comparisons`, and the installed command `backprop`."""

import os
import signal
import sys

from comparisons import advice


def interrupted(*_: object) -> None:
    """End the process with 130, at once.

    KeyboardInterrupt could be lost on its way: C code that imports or calls back prints it or makes
    another error of it, and Python ends by the signal where it has passed through `exec` of text.
    """
    if os.isatty(2):
        os.write(2, b"\r\x1b[K\x1b[?25h")  # clear what is being measured, show the cursor again
    os._exit(130)


def start() -> None:
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as it is in a shell's background
        signal.signal(signal.SIGINT, interrupted)
    try:
        from comparisons.cli import main  # not before: Ctrl-C may come while it is imported
    except ModuleNotFoundError as error:
        sys.exit(f"backprop: {advice(error)}")  # with status 1, Python's for an import that fails
    main()


if __name__ == "__main__":
    start()

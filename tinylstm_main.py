"""The command `tinylstm`. It stands outside the package, so that Ctrl-C already has its answer, one
line and exit code 130, while the package and NumPy are imported. Next: tinylstm/cli.py.
"""

import os
import signal


def main() -> None:
    """Import the commands, then run the one that was asked for."""
    expect_ctrl_c()
    from tinylstm.commands.shared import run

    if signal.getsignal(signal.SIGINT) is stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def expect_ctrl_c() -> None:
    """From now on, Ctrl-C ends the process, unless it is a background job, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)


def stop(number: int, frame: object) -> None:
    """Nothing is open yet that could be lost."""
    os.write(2, b"interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()

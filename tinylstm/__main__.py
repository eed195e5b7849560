"""`python -m tinylstm` is the same as the command `tinylstm`."""

from tinylstm.command import run

if __name__ == "__main__":
    run()

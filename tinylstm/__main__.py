"""`python -m tinylstm` is the same as the command `tinylstm`."""

from tinylstm.cli import main

if __name__ == "__main__":
    main(prog_name="tinylstm")

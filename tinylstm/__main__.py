"""`python -m tinylstm` is the same as the command `tinylstm`."""

from tinylstm_main import main

if __name__ == "__main__":
    main()

"""15. The hunt.

The folder hunt/ holds six nets, net1.py to net6.py. One is sound. Each of the others has one wrong
line in its backward pass, of a kind that published code really had. Training would not tell you:
with a wrong gradient the loss falls too, only not as far. Find them with gradcheck alone:

    python -m tinylstm.gradcheck exercises/hunt/net1.py:Net

Its table is a map. An array whose gradient is right clears every line on the way from the output to
it. If only one array is wrong, its own line is. If all are wrong, the fault is early on the way
back. If only steps before the last are wrong (try --steps 1), it is in what one step hands to the
one before it.

Write down what you find: "sound", or the wrong line and the line as it should be. The files in
hunt/ need not be changed: the grader puts your line in, and asks gradcheck.

    python -m exercises 15
"""

FOUND: dict[str, str | tuple[str, str]] = {
    # "net0": "sound",
    # "net00": ("the wrong line", "the line as it should be"),
}

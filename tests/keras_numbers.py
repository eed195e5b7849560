"""Numbers that Keras's own tests expect of its recurrent layers, with constant initial weights.

Kernel 0.01, recurrent kernel 0.02, bias 0.03, the input counting up from 0. `ours` and `theirs`
compute a case with either library; test_keras_numbers.py compares ours with the stated numbers,
test_parity.py (with Keras) ours with theirs, to the last digits. Source of the numbers: the files
lstm_test.py, gru_test.py, simple_rnn_test.py, bidirectional_test.py in keras/src/layers/rnn.
"""

from typing import Any, NamedTuple

import numpy as np

from tinylstm.layers import GRU, LSTM, Bidirectional, SimpleRNN


class Case(NamedTuple):
    """stated: outputs, batch-first; one number where all units give the same. twice: the sequence
    is read again from the state it ended in. both: Bidirectional, whose halves may be added up.
    """

    title: str
    kind: Any
    units: int
    shape: tuple[int, int, int]  # (B, T, D)
    stated: Any
    mask: Any = None  # (B, T)
    backwards: bool = False
    state: Any = None  # arrays (B, H)
    forget: float = 1.0
    bias: float = 0.03
    sequences: bool = False
    twice: bool = False
    both: bool = False
    added: bool = False


SHORT, LONG, WIDE = (2, 4, 3), (3, 6, 4), (2, 3, 4)
END = [[True, True, True, False], [True, True, False, False]]
START = [[False, True, True, True], [False, False, True, True]]
HOLES = [[True, True, False, True], [True, False, False, True]]
UP = np.arange(4.0).reshape(2, 2)
EIGHT = np.arange(8.0).reshape(2, 4)

CASES = [
    Case("plain", LSTM, 3, LONG, [0.6288687, 0.86899155, 0.9460773]),
    Case("backwards", LSTM, 3, LONG, [0.35622165, 0.74789524, 0.8872726], backwards=True),
    Case("forget bias like the others", LSTM, 3, LONG, [0.57019705, 0.8661914, 0.9459622],
         forget=0.03),
    Case("no bias", LSTM, 3, LONG, [0.54986924, 0.86226785, 0.9443936], forget=0.0, bias=0.0),
    Case("state carried", LSTM, 4, WIDE, [0.3124785, 0.6863672], twice=True),
    Case("initial state", LSTM, 2, SHORT, [[0.20574439, 0.3558822], [0.64930826, 0.66276]],
         state=(UP, UP)),
    Case("initial state, backwards", LSTM, 2, SHORT,
         [[0.13281618, 0.2790356], [0.5839337, 0.5992567]], state=(UP, UP), backwards=True),
    Case("mask at the end", LSTM, 2, SHORT, [0.11755939, 0.28556206], mask=END),
    Case("mask at the end, all steps", LSTM, 2, SHORT,
         [[0.01588910, 0.05552048, 0.11755939, 0.11755939],
          [0.14185596, 0.28556206, 0.28556206, 0.28556206]], mask=END, sequences=True),
    Case("mask at the start, backwards", LSTM, 2, SHORT, [0.15341201, 0.3844719], mask=START,
         backwards=True),
    Case("plain", GRU, 3, LONG, [0.5217289, 0.6371659, 0.39384964]),
    Case("backwards", GRU, 3, LONG, [0.24406259, 0.611516, 0.3928808], backwards=True),
    Case("no bias", GRU, 3, LONG, [0.49988455, 0.64701194, 0.4103359], bias=0.0),
    Case("state carried", GRU, 4, WIDE, [0.29542392, 0.5885018], twice=True),
    Case("initial state", GRU, 2, SHORT, [[0.23774096, 0.33508456], [0.83659905, 1.0227708]],
         state=(UP,)),
    Case("initial state, backwards", GRU, 2, SHORT,
         [[0.13486053, 0.23261218], [0.78257304, 0.9691353]], state=(UP,), backwards=True),
    Case("mask with holes", GRU, 2, SHORT, [0.19393763, 0.30818558], mask=HOLES),
    Case("mask with holes, all steps", GRU, 2, SHORT,
         [[0.03606692, 0.09497581, 0.09497581, 0.19393763],
          [0.16051409, 0.16051409, 0.16051409, 0.30818558]], mask=HOLES, sequences=True),
    Case("mask with holes, backwards", GRU, 2, SHORT, [0.11669192, 0.28380975], mask=HOLES,
         backwards=True),
    Case("plain", SimpleRNN, 4, WIDE, [0.405432, 0.73605347]),
    Case("backwards", SimpleRNN, 4, WIDE, [0.11144729, 0.5528889], backwards=True),
    Case("state carried", SimpleRNN, 4, WIDE, [0.40559256, 0.7361247], twice=True),
    Case("initial state", SimpleRNN, 4, SHORT, [0.33621645, 0.6262637], state=(EIGHT,)),
    Case("initial state, backwards", SimpleRNN, 4, SHORT, [0.07344437, 0.43043602],
         state=(EIGHT,), backwards=True),
    Case("mask with holes", SimpleRNN, 4, SHORT, [0.32951632, 0.61799484], mask=HOLES),
    Case("mask with holes, all steps", SimpleRNN, 2, SHORT,
         [[0.0599281, 0.15122814, 0.15122814, 0.32394567],
          [0.3969304, 0.3969304, 0.3969304, 0.608085]], mask=HOLES, sequences=True),
    Case("mask with holes, backwards", SimpleRNN, 4, SHORT, [0.07376196, 0.43645123], mask=HOLES,
         backwards=True),
    Case("both ways", SimpleRNN, 2, WIDE, [[0.39687276, 0.10004295], [0.7237238, 0.53391594]],
         both=True),
    Case("both ways, added up", GRU, 2, WIDE,
         [[0.20937867, 0.34462988, 0.40290534], [0.59829646, 0.6734641, 0.6479671]], both=True,
         added=True, sequences=True),
    Case("both ways, state carried", LSTM, 2, SHORT,
         [[0.26234663, 0.16959146], [0.6137073, 0.5381646]], both=True, twice=True),
    Case("both ways, initial state", LSTM, 2, SHORT,
         [[0.20794602, 0.4577124, 0.14046375, 0.48191673],
          [0.6682636, 0.6711909, 0.60943645, 0.60950446]], both=True,
         state=(UP, 2 * UP, 3 * UP, 4 * UP)),
    Case("both ways, mask with holes", GRU, 2, SHORT,
         [[0.19393763, 0.11669192], [0.30818558, 0.28380975]], mask=HOLES, both=True),
    Case("both ways, plain", LSTM, 2, SHORT, [[0.1990008, 0.12659755], [0.52335435, 0.44717982]],
         both=True),
]  # fmt: skip


def name(case):
    return f"{case.kind.__name__} {case.title}"


def sequence(case, dtype):
    """The input, batch-first."""
    return np.arange(np.prod(case.shape), dtype=dtype).reshape(case.shape)


def ours(case, dtype):
    """Our outputs, batch-first."""
    layer = case.kind(case.units, case.sequences)
    layer = Bidirectional(layer) if case.both else layer
    layer.build(case.shape[-1], np.random.default_rng(0), dtype)
    for path, array in layer.params.items():
        kind = path.rpartition(".")[2]
        array[...] = {"Wx": 0.01, "Wh": 0.02}.get(kind, case.bias)
        if case.kind is LSTM and kind == "b":
            array[case.units : 2 * case.units] = case.forget
    x = np.swapaxes(sequence(case, dtype), 0, 1)
    mask = None if case.mask is None else np.array(case.mask).T
    if case.backwards:
        x, mask = x[::-1], None if mask is None else mask[::-1]
    state = case.state and tuple(a.astype(dtype) for a in case.state)
    for _ in range(1 + case.twice):
        y, state, _ = layer.forward(x, state, None, mask)
    y = np.swapaxes(y, 0, 1) if case.sequences else y
    return y[..., : case.units] + y[..., case.units :] if case.added else y


def stated(case):
    """The stated numbers in the shape of the outputs."""
    numbers = np.array(case.stated)
    if case.state is not None and numbers.ndim == 2:
        return numbers
    if case.both and not case.added:
        return np.repeat(numbers, case.units, axis=-1)
    return np.repeat(numbers[..., None], case.units, axis=-1)


def theirs(case, dtype, keras):
    """Keras's outputs, computed now."""
    constant, kind = keras.initializers.Constant, np.dtype(dtype).name
    make = {LSTM: keras.layers.LSTM, GRU: keras.layers.GRU, SimpleRNN: keras.layers.SimpleRNN}
    options: dict[str, Any] = {"go_backwards": case.backwards, "stateful": case.twice}
    if case.kind is LSTM:
        options["unit_forget_bias"] = case.forget == 1
    layer = make[case.kind](
        case.units, return_sequences=case.sequences, use_bias=case.bias != 0, dtype=kind,
        kernel_initializer=constant(0.01), recurrent_initializer=constant(0.02),
        bias_initializer=constant(0.03), **options,
    )  # fmt: skip
    if case.both:
        merge = "sum" if case.added else "concat"
        layer = keras.layers.Bidirectional(layer, merge_mode=merge, dtype=kind)
    given: dict[str, Any] = {} if case.mask is None else {"mask": np.array(case.mask)}
    if case.state is not None:
        state = [a.astype(dtype) for a in case.state]
        given["initial_state"] = state if len(state) > 1 else state[0]
    for _ in range(1 + case.twice):
        y = layer(sequence(case, dtype), **given)
    return np.asarray(y)

"""The workloads: sizes, peers, and the floating-point operations of a step."""

from dataclasses import dataclass, replace

STEPS, BATCH = 100, 64
CLASSES = 300


@dataclass(frozen=True)
class Workload:
    """A network and the work that is timed.

    kind: "train", "forward" or "compose". cell: "LSTM", "GRU" or "SimpleRNN". embedding: 0 for the
    2017 tutorial's scaled integers, with a loss at the last step only. units: notes in one timed
    step, or training steps of a small network, which alone would be too short to time.
    """

    kind: str
    layers: int
    hidden: int
    embedding: int = 0
    steps: int = STEPS
    batch: int = BATCH
    threads: int | None = None
    peers: tuple[str, ...] = ("torch",)
    seconds: float = 60.0
    units: int = 1
    dropout: float = 0.0
    cell: str = "LSTM"

    def units_of(self, peer: str) -> int:
        """The units in one timed step of a peer; fewer for Keras, whose predict is slow."""
        return min(self.units, 3) if peer.startswith("keras") else self.units

    @property
    def inputs(self) -> int:
        """D of the first layer."""
        return self.embedding or 1

    @property
    def flops(self) -> float:
        """Floating-point operations in the matrix products of one step."""
        if self.kind == "compose":
            return 0.0
        widths = [self.inputs] + [self.hidden] * (self.layers - 1)
        positions = self.steps * self.batch
        gates = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}[self.cell]
        products = 2.0 * positions * gates * self.hidden
        total = sum(products * (width + self.hidden) for width in widths)
        if self.embedding:
            total += 2.0 * positions * self.hidden * CLASSES
        backward = 3 if self.kind == "train" else 1
        return total * backward * self.units


ALL = ("torch", "keras-tensorflow", "keras-jax", "textbook")
ARTICLE = Workload("train", 3, 512, peers=ALL, dropout=0.3, seconds=150)

WORKLOADS = {
    "train_step": ARTICLE,
    "train_step_128": Workload("train", 3, 128),
    "train_step_embedding": Workload("train", 2, 256, embedding=128),
    "train_step_default": Workload("train", 2, 256, 256, 50, 32, dropout=0.4),
    "train_step_1024": Workload("train", 2, 1024, 1024, 50, seconds=90),
    "few_rows_2": Workload("train", 2, 512, 512, 50, 2),
    "few_rows_8": Workload("train", 2, 512, 512, 50, 8),
    "gru_256": Workload("train", 2, 256, 256, 50, 32, cell="GRU"),
    "gru_128": Workload("train", 1, 128, 128, cell="GRU"),
    "simple_rnn_256": Workload("train", 2, 256, 256, 50, 32, cell="SimpleRNN"),
    "small_32": Workload("train", 1, 32, 32, 50, 8, units=20, seconds=15),
    "small_64": Workload("train", 1, 64, 64, 50, 1, units=20, seconds=15),
    "small_128": Workload("train", 2, 128, 128, 50, 1, units=10, seconds=15),
    "forward": Workload("forward", 3, 512, peers=("torch", "onnxruntime")),
    "compose": Workload(
        "compose",
        3,
        512,
        batch=1,
        peers=("torch", "onnxruntime", "keras-tensorflow"),
        units=100,
        seconds=40,
    ),
    "scaling_batch_16": Workload("train", 2, 256, embedding=128, batch=16, seconds=15),
    "scaling_batch_256": Workload("train", 2, 256, embedding=128, batch=256, seconds=30),
    "scaling_units_64": Workload("train", 2, 64, embedding=128, seconds=15),
    "scaling_units_100": Workload("train", 2, 100, embedding=128, seconds=15),
    "scaling_units_1024": Workload("train", 1, 1024, embedding=128, seconds=40),
    "scaling_steps_10": Workload("train", 2, 256, embedding=128, steps=10, seconds=15),
    "scaling_steps_400": Workload("train", 2, 256, embedding=128, steps=400, seconds=40),
}
WORKLOADS["scaling_threads_1"] = replace(WORKLOADS["train_step_embedding"], threads=1, seconds=30)


def workload(row: str) -> Workload:
    """The workload of that row; `curve-UNITS-BATCH` is a point of benchmarks/curve.py."""
    if row in WORKLOADS:
        return WORKLOADS[row]
    _, units, batch = row.split("-")
    return Workload("train", 2, int(units), embedding=int(units), steps=50, batch=int(batch))

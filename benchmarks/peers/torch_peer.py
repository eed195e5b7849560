"""PyTorch, in the style of its documentation."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .workloads import CLASSES, Workload


class Net(nn.Module):
    """The workload's network."""

    def __init__(self, work: Workload):
        super().__init__()
        self.work = work
        self.embedding = nn.Embedding(CLASSES, work.embedding) if work.embedding else None
        kind = {"LSTM": nn.LSTM, "GRU": nn.GRU, "SimpleRNN": nn.RNN}[work.cell]
        dropout = work.dropout if work.layers > 1 else 0.0
        self.recurrent = kind(work.inputs, work.hidden, work.layers, dropout=dropout)
        with torch.no_grad():  # forget bias 1, like ours and Keras's
            for name, bias in self.recurrent.named_parameters():
                if work.cell == "LSTM" and name.startswith("bias_ih"):
                    bias[work.hidden : 2 * work.hidden] = 1
        self.dense = nn.Identity() if work.embedding else nn.Linear(work.hidden, 256)
        self.dropout = nn.Dropout(work.dropout)
        self.logits = nn.Linear(work.hidden if work.embedding else 256, CLASSES)

    def forward(self, x: Any, state: Any = None) -> Any:
        x = self.embedding(x) if self.embedding else (x / CLASSES)[..., None]
        y, state = self.recurrent(x, state)
        y = y if self.embedding else y[-1]
        return self.logits(self.dropout(self.dense(y))), state


def build(work: Workload) -> Callable[[], object]:
    """A function that runs one step.

    If only the last step has a loss, gradients shrink to denormal numbers, which slow PyTorch down
    from 0.85 to 20 seconds per step. So denormals are flushed to zero.
    """
    torch.set_flush_denormal(True)  # before the threads start: they inherit it
    if work.threads:
        torch.set_num_threads(work.threads)
    net = Net(work)
    x = torch.randint(0, CLASSES, (work.steps, work.batch))
    targets = x if work.embedding else torch.randint(0, CLASSES, (work.batch,))
    if work.kind == "compose":
        return lambda: compose(net.eval(), work.units)
    if work.kind == "forward":

        def forward() -> None:
            with torch.no_grad():
                logits, _ = net(x)
                nn.functional.cross_entropy(logits.reshape(-1, CLASSES), targets.reshape(-1))

        net.eval()
        return forward
    kind = torch.optim.Adam if work.embedding else torch.optim.RMSprop
    optimizer = kind(net.parameters())

    def step() -> None:
        optimizer.zero_grad()
        logits, _ = net(x)
        loss = nn.functional.cross_entropy(logits.reshape(-1, CLASSES), targets.reshape(-1))
        loss.backward()
        optimizer.step()

    return lambda: [step() for _ in range(work.units)]


@torch.no_grad()
def compose(net: Net, notes: int) -> list[int]:
    """Compose note by note, carrying the state."""
    x, state, song = torch.zeros((1, 1), dtype=torch.long), None, []
    for _ in range(notes):
        logits, state = net(x, state)
        x = torch.multinomial(torch.softmax(logits.reshape(1, -1), -1), 1)
        song.append(int(x))
    return song

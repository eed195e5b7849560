"""Print the seconds to import tinylstm, and to the end of the first training step."""

import time

begin = time.perf_counter()
import numpy as np  # noqa: E402

import tinylstm as tl  # noqa: E402

imported = time.perf_counter() - begin
from tinylstm.data import Batch  # noqa: E402
from tinylstm.parallel import Shards  # noqa: E402

net = [tl.Embedding(300, 128)]
net += [tl.LSTM(256, return_sequences=True), tl.LSTM(256, return_sequences=True), tl.Dense(300)]
model, x = tl.Sequential(net), np.zeros((100, 64), int)
with Shards(model, tl.CategoricalCrossentropy()) as shards:
    _, _, grads = shards.gradients(Batch(x, x, np.ones(64, bool), x.size))
    tl.Adam().update(model.params, grads)
print(imported, time.perf_counter() - begin)

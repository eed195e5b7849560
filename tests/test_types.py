"""A stranger's code passes `mypy --strict`, and runs; the package says that it has types."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
import stranger

import tinylstm as tl
from tinylstm.layers import LAYERS

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="module")
def registered():
    """The stranger's layer is known here only."""
    yield
    LAYERS.pop("Scale", None)


MISTAKES = {  # what stands in the file, what a tired stranger writes: mypy must say so
    "loss=Huber(),\n        callbacks": "loss=3,\n        callbacks",
    'metrics=["mae", Within(0.1)': 'metrics=["mae", 7',
    "tl.stream(model, primer, tl.Sampling(top_k=2)": "tl.stream(model, primer, {}",
    "again.predict(x)\n    report": "again.predict(7)\n    report",
    "y[0][:, None], tl.MeanSquaredError())": "y[0][:, None], max)",
}


def test_mypy_strict_accepts_it_and_finds_every_mistake_in_it(tmp_path):
    """Types that let everything pass would prove nothing."""
    pytest.importorskip("mypy", reason="mypy is not installed: pip install mypy")
    source = (ROOT / "tests" / "stranger.py").read_text()
    (tmp_path / "right.py").write_text(source)
    for i, (right, wrong) in enumerate(MISTAKES.items()):
        assert source.count(right) == 1, right
        (tmp_path / f"wrong_{i}.py").write_text(source.replace(right, wrong))
    options = [
        "--config-file=",
        "--cache-dir=cache",
        "--follow-imports=silent",
    ]  # only the errors in these files
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *options, "."],
        capture_output=True, text=True, cwd=tmp_path, timeout=600,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    files = {line.partition(":")[0] for line in done.stdout.splitlines() if ": error: " in line}
    assert files == {f"wrong_{i}.py" for i in range(len(MISTAKES))}, done.stdout + done.stderr


def test_a_strangers_code_runs(tmp_path):
    stranger.main(tmp_path)


def test_the_marker_of_types_is_shipped():
    assert (Path(tl.__file__).parent / "py.typed").exists()
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "py.typed" in config["options.package_data"]["tinylstm"]

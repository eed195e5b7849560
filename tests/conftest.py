"""Hypothesis profiles (how many examples a property is tried on) and the quick tests.

python -m pytest -m quick                              all but those below: the maths, under 30 s
python -m pytest                                       dev: a few examples, different every time
python -m pytest --hypothesis-profile=ci               more examples, the same every time
python -m pytest tests/test_properties.py -k every_gradient --hypothesis-profile=deep
                                                       10,000 complex-step cases
"""

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

collect_ignore = ["guided.py", "keras_peer.py"]  # programs: they import atheris, and Keras
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=SLOW)
settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=SLOW
)
settings.register_profile(  # of mutation_score.py: whether a test fails, not on what
    "mutants", max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW,
    phases=[Phase.explicit, Phase.generate], database=None,
)  # fmt: skip
settings.register_profile("deep", max_examples=10_000, deadline=None, suppress_health_check=SLOW)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a background job
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for one test alone."""
    monkeypatch.setenv("TINYLSTM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


NOT_QUICK = {  # they start processes, read many files, or wait
    *("test_article", "test_cli", "test_compose", "test_events", "test_examples", "test_export"),
    *("test_fuzz", "test_inspect", "test_midi_songs", "test_page", "test_parity", "test_parse"),
    *("test_planted_bugs", "test_planted_music_bugs", "test_presets", "test_ranks", "test_resume"),
    *("test_exercises", "test_music_training", "test_scores", "test_site", "test_tutorial"),
    *("test_hunt", "test_types", "test_why", "test_interchange", "test_interchange_keras"),
    *("test_interchange_onnx", "test_interchange_torch"),
    *("test_page_instrument", "test_page_net", "test_judge"),
    "test_every_vector_width_on_every_machine",
    "test_damaged_checkpoints_are_refused_or_right",
}


EXTRA = [name for name in ("onnx", "h5py", "safetensors") if find_spec(name) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every other test as quick. The doctests of interchange need its packages."""
    for item in items:
        if item.path.name == "classifier.py" and find_spec("sklearn") is None:
            item.add_marker(pytest.mark.skip(reason="scikit-learn not installed"))
        if EXTRA and item.path.parent.name == "interchange":
            item.add_marker(pytest.mark.skip(reason=f"{', '.join(EXTRA)} not installed"))
        names = {item.path.stem, getattr(item, "originalname", None)}
        if not names & NOT_QUICK:
            item.add_marker(pytest.mark.quick)

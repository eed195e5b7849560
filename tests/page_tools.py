"""A small net, its takes, and a browser, for the tests of the page."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.music import EventTokenizer, Note, Piece, Sampling, compose_takes, write_midi
from tinylstm.music.evaluation.compare import Excerpt, Judge
from tinylstm.page import write_page

PAGE = Path(tl.__file__).parent / "page"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
NODE = shutil.which("node")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--hide-scrollbars",
]


def a_checkpoint(tokenizer, units=8, layers=()):
    """A net with random weights that is sure of itself."""
    V = len(tokenizer)
    table = tl.Embedding(V, units)
    default = [tl.LSTM(units, return_sequences=True), tl.Dropout(0.2)]
    model = tl.Sequential(
        [table, *(layers or default), tl.LSTM(6, return_sequences=True), tl.Dense(V)], seed=3
    )
    model.params["dense_1.W"][...] *= 8
    history = [{"epoch": n + 1, "loss": 4 / (n + 1), "val_loss": 4.2 / (n + 1)} for n in range(5)]
    settings = {"preset": "quick", "temperature": 0.9, "baselines": {"unigram": 3.0}}
    return tl.Checkpoint(model, tokenizer.to_config(), history, settings)


TOKENIZER = EventTokenizer(instruments="all")
CHECKPOINT = a_checkpoint(TOKENIZER)
PRIMER = Piece(
    "primer",
    tuple(Note(i / 2, 0.5, 60 + i % 12) for i in range(32)),
    tempos=((0.0, 150.0),),
    time_signatures=((0.0, (3, 4)),),
)


def some_takes():
    takes = compose_takes(CHECKPOINT, [1, 2], 60, Sampling(1.0, top_p=0.95))
    return takes + compose_takes(CHECKPOINT, [3], 40, primer=PRIMER, primer_bars=2)


def a_judge(folder, monkeypatch):
    """A judge of a small corpus."""
    from tinylstm.music import load_corpus

    monkeypatch.setenv("TINYLSTM_CACHE", str(folder / "cache"))
    rng = np.random.default_rng(0)
    (folder / "songs").mkdir()
    for number in range(10):
        walk = 60 + np.cumsum(rng.integers(-2, 3, 90)) % 24
        write_midi(folder / "songs" / f"{number}.mid",
                   [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(walk)])  # fmt: skip
    return Judge(load_corpus(folder / "songs", TOKENIZER, progress=False), 40)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with everything on it: a net, three takes, and figures beside those of a corpus."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as monkeypatch:
        judge = a_judge(folder, monkeypatch)
    takes = some_takes()
    judgements = [judge.judge(Excerpt(f"seed {t.seed}", t.ids, t.notes)) for t in takes]
    return write_page(folder / "page.html", takes, CHECKPOINT, judge, judgements), takes


@contextmanager
def driver(folder):
    """Chromium, headless, with its profile in a folder."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS, f"--user-data-dir={folder}/chromium"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield chromium
    finally:
        chromium.quit()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (BROWSER and DRIVER):
        pytest.skip("no Chromium with its driver: the page is not tried in a browser")
    pytest.importorskip("selenium.webdriver", reason="no selenium to drive Chromium")
    with driver(tmp_path_factory.mktemp("browser")) as chromium:
        yield chromium


def check_log(driver):
    """No error and no warning in the browser's log."""
    log = driver.get_log("browser")
    loud = [e for e in log if e["level"] in ("SEVERE", "WARNING") and "getImageData" not in str(e)]
    assert not loud, loud


@pytest.fixture
def opened(browser, page):
    """The page, open at the width of a desktop."""
    open_page(browser, page[0])
    yield browser
    check_log(browser)


def open_page(driver, path, address=""):
    """Open a page, and wait until its net is there, if it has one."""
    driver.set_window_size(1200, 900)
    driver.get("about:blank")
    driver.get(Path(path).absolute().as_uri() + address)
    net = "return !tinylstm.session.net || tinylstm.session.loaded"
    until(lambda: driver.execute_script(net))


def until(condition, seconds=60.0):
    """Wait for what is shown; for long, since a busy machine may stand still for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def click(driver, element):
    driver.execute_script("document.getElementById(arguments[0]).click()", element)


def put(driver, element, value, event="change"):
    """Give a control a value, as a person would."""
    driver.execute_script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(arguments[2]))", element, value, event
    )  # fmt: skip


def node(job: str, **what: Any) -> Any:
    """Run a job of page_node.mjs."""
    if NODE is None:
        pytest.skip("no Node: the page's numbers are compared in no engine")
    done = subprocess.run(
        [NODE, str(Path(__file__).with_name("page_node.mjs"))],
        input=json.dumps({"job": job} | what).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)

"""The page: its data, and in a real browser that it draws, plays and keeps time.

The browser tests need Chromium, its driver and selenium (``pip install -e .[browser]``), and are
skipped by name where they are missing. ``TINYLSTM_SCREENSHOTS=docs`` keeps what they see.
"""

import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.music import (
    ArticleTokenizer,
    EventTokenizer,
    Note,
    Piece,
    Sampling,
    compose_takes,
    read_midi,
    write_midi,
)
from tinylstm.music.evaluation.compare import Excerpt, Judge
from tinylstm.music.files.export import write_piece
from tinylstm.music.notes import DRUMS
from tinylstm.page import page_data, write_page
from tinylstm.page.data import inside, note_places

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
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


def a_checkpoint(tokenizer):
    V = len(tokenizer)
    layers = [tl.Embedding(V, 8), tl.LSTM(8, return_sequences=True), tl.Dropout(0.2)]
    model = tl.Sequential([*layers, tl.LSTM(6, return_sequences=True), tl.Dense(V)], seed=3)
    model.params["dense_1.W"][...] *= 3
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


def test_every_note_has_the_step_that_completed_it():
    take = compose_takes(CHECKPOINT, [1], 50)[0]
    places = note_places(TOKENIZER, take.ids)
    for n in (0, 7, 49):
        assert len(TOKENIZER.decode(take.ids[: places[n] + 1])) == n + 1
        assert len(TOKENIZER.decode(take.ids[: places[n]])) == n
    article = ArticleTokenizer(vocabulary=["0.4.7", "C4"])
    assert note_places(article, np.array([1, 0, 1])).tolist() == [0, 1, 1, 1, 2]


def test_inside_are_the_caches_own_numbers():
    take = compose_takes(CHECKPOINT, [1], 50)[0]
    places = note_places(TOKENIZER, take.ids)
    units = inside(CHECKPOINT.model, take, places)
    assert len(units) == 2 * 4
    _, _, caches = CHECKPOINT.model.forward(take.ids[:, None])
    cache, H = caches[1], 8
    unit = int(re.search(r"unit (\d+)", units[0]["name"])[1])
    assert units[0]["c"] == np.round(100 * cache.c[places + 1, 0, unit]).astype(int).tolist()
    for k, gate in enumerate("ifgo"):
        want = np.round(100 * cache.gates[places, 0, k * H + unit]).astype(int).tolist()
        assert units[0][gate] == want
    pitches = [note.pitch for note in take.notes]
    r = [np.corrcoef(cache.c[places + 1, 0, u], pitches)[0, 1] for u in range(H)]
    assert np.argmax(np.abs(r)) == unit and f"{r[unit]:+.2f}" in units[0]["remembers"]


def test_a_title_cannot_break_the_page(tmp_path):
    takes = some_takes()
    path = write_page(tmp_path / "p.html", takes, CHECKPOINT, title="</script><b>&")
    text = path.read_text(encoding="utf-8")
    assert "&lt;/script&gt;&lt;b&gt;&amp;" in text and text.count("</script>") == 3
    found = re.search(r'id="data">(.*?)</script>', text, re.S)[1]
    assert json.loads(found) == json.loads(json.dumps(page_data(takes, CHECKPOINT)))
    assert not re.search(r'(src|href)="(?!data:)', text.split("<script>")[0])
    with pytest.raises(ValueError, match="no take"):
        write_page(tmp_path / "q.html", [])


def test_a_written_midi_file_has_exactly_the_notes_of_the_page(tmp_path):
    for number, take in enumerate(some_takes()):
        back = read_midi(write_piece(tmp_path / "take.mid", take.piece()))
        entry = page_data([take], CHECKPOINT)["takes"][0]
        on_page = sorted((round(a, 4), round(b, 4), *rest) for a, b, *rest in entry["notes"])
        in_file = [(n.onset, n.duration, n.pitch, n.velocity, n.program) for n in back.notes]
        assert on_page == sorted((round(a, 4), round(b, 4), *rest) for a, b, *rest in in_file)
        assert back.tempo == pytest.approx(entry["tempo"], abs=0.01)
        assert list(back.time_signature) == entry["metre"]
        assert entry["primed"] == (12 if number == 2 else 0)


# In a browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with everything on it, made of a corpus, a net and three takes."""
    folder = tmp_path_factory.mktemp("page")
    os.environ["TINYLSTM_CACHE"] = str(folder / "cache")
    from tinylstm.music import load_corpus

    rng = np.random.default_rng(0)
    (folder / "songs").mkdir()
    for number in range(10):
        walk = 60 + np.cumsum(rng.integers(-2, 3, 90)) % 24
        write_midi(folder / "songs" / f"{number}.mid",
                   [Note(i / 2, 0.5, int(pitch)) for i, pitch in enumerate(walk)])  # fmt: skip
    corpus = load_corpus(folder / "songs", TOKENIZER, progress=False)
    del os.environ["TINYLSTM_CACHE"]
    judge, takes = Judge(corpus, 40), some_takes()
    judgements = [judge.judge(Excerpt(f"seed {t.seed}", t.ids, t.notes)) for t in takes]
    return write_page(folder / "page.html", takes, CHECKPOINT, judge, judgements), takes


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (BROWSER and DRIVER):
        pytest.skip("no Chromium with its driver: the page is not tried in a browser")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium to drive Chromium")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page):
    browser.set_window_size(1200, 900)
    browser.get(page[0].as_uri())
    yield browser
    log = browser.get_log("browser")
    loud = [e for e in log if e["level"] in ("SEVERE", "WARNING") and "getImageData" not in str(e)]
    assert not loud, loud


def until(condition, seconds=8.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def press(driver, keys, element="scroller"):
    driver.find_element("id", element).send_keys(keys)


def test_the_roll_shows_the_notes_of_the_file(opened, page):
    """A pixel in the middle of each note has the note's colour, as far as notes go."""
    takes = page[1]
    for index, take in enumerate(takes):
        opened.find_elements("css selector", "#takes button")[index].click()
        label = opened.find_element("id", "roll").get_attribute("aria-label")
        assert f"{len(take.notes)} notes" in label
        coloured = opened.execute_script("""
            const take = tinylstm.data.takes[tinylstm.state.take], canvas = $("roll");
            const pen = canvas.getContext("2d"), ratio = canvas.width / canvas.clientWidth;
            const pitches = take.notes.map((n) => n[2]);
            const low = Math.min(...pitches) - 2, high = Math.max(...pitches) + 2;
            const row = canvas.clientHeight / (high - low + 1);
            const drawn = pen.getImageData(0, 0, canvas.width, canvas.height).data;
            return take.notes.map(([onset, duration, pitch]) => {
                const x = Math.floor((onset + Math.min(duration / 2, 0.2)) * scale() * ratio);
                const y = Math.floor((high - pitch + 0.5) * row * ratio);
                const place = 4 * (y * canvas.width + x);
                return drawn[place + 2] - drawn[place] > 5;  // bluer than red
            });""")
        assert all(coloured)
        shown = opened.execute_script("return tinylstm.data.takes[arguments[0]].notes", index)
        assert len(shown) == len(take.notes)


def test_play_moves_the_cursor_and_sounds_each_note_at_its_time(opened, page):
    """At 150 a minute; onsets as the audio clock has them, within 5 ms of the file's."""
    take = page[1][2]
    opened.find_elements("css selector", "#takes button")[2].click()
    cursor = "return new DOMMatrix(getComputedStyle($('cursor')).transform).e"
    assert opened.execute_script(cursor) == 0
    opened.find_element("id", "play").click()
    sounded = "return tinylstm.state.sounded"
    until(lambda: len(opened.execute_script(sounded)) >= 12)
    first = opened.execute_script(cursor)
    loudest = until(lambda: opened.execute_script("return tinylstm.state.meter.getValue()") > -50)
    assert loudest and first > 0
    until(lambda: opened.execute_script(cursor) > first)
    opened.find_element("id", "play").click()
    notes = opened.execute_script(sounded)
    begin = notes[0]["time"]
    for note in notes:
        assert note["time"] - begin == pytest.approx(note["onset"] * 60 / 150, abs=0.005)
    want = sorted((n.onset, n.pitch) for n in take.notes)[: len(notes)]
    found = sorted((n["onset"], n["pitch"]) for n in notes)
    assert [p for _, p in found] == [p for _, p in want]
    stopped = opened.execute_script(cursor)
    time.sleep(0.3)
    assert opened.execute_script(cursor) == stopped
    assert opened.find_element("id", "play").text == "Play"


def test_keyboard_seek_tempo_and_volume(opened):
    from selenium.webdriver.common.keys import Keys

    press(opened, "2")
    chosen = opened.find_elements("css selector", "#takes button[aria-pressed=true]")
    assert len(chosen) == 1 and "seed 2" in chosen[0].text
    position = "return position()"
    press(opened, Keys.ARROW_RIGHT)
    press(opened, Keys.ARROW_RIGHT)
    assert opened.execute_script(position) == 8
    press(opened, Keys.ARROW_LEFT)
    assert opened.execute_script(position) == 4
    opened.execute_script("$('tempo').value = 240; $('tempo').dispatchEvent(new Event('input'))")
    assert "240" in opened.find_element("id", "bpm").text
    press(opened, Keys.SPACE)
    until(lambda: opened.execute_script("return tinylstm.state.sounded.length") >= 4)
    notes = opened.execute_script("return tinylstm.state.sounded")
    assert notes[0]["onset"] >= 4
    gaps = [(n["time"] - notes[0]["time"], n["onset"] - notes[0]["onset"]) for n in notes]
    assert all(seconds == pytest.approx(q / 4, abs=0.005) for seconds, q in gaps)
    opened.execute_script("$('volume').value = 0; $('volume').dispatchEvent(new Event('input'))")
    assert opened.execute_script("return Tone.getDestination().volume.value < -1000")
    press(opened, Keys.SPACE)
    assert opened.execute_script("return tinylstm.state.playing") is False


def test_what_stands_beside_it(opened, page):
    rows = opened.find_elements("css selector", "#figures tr")
    assert len(rows) == 11 and "pitch-class entropy" in opened.find_element("id", "figures").text
    assert opened.find_elements("css selector", "#loss svg path")
    options = opened.find_elements("css selector", "#unit option")
    assert len(options) == 8
    before = opened.execute_script("return $('inside').toDataURL()")
    options[5].click()
    assert opened.execute_script("return $('inside').toDataURL()") != before
    assert "lstm_2" in opened.find_element("id", "remembers").text
    fetched = opened.execute_script("return performance.getEntriesByType('resource').length")
    assert fetched == 0


def test_on_a_phone_and_pictures_of_it(opened, page, tmp_path):
    path = Path(os.environ.get("TINYLSTM_PAGE", page[0]))
    folder = Path(os.environ.get("TINYLSTM_SCREENSHOTS", tmp_path))
    opened.get(path.absolute().as_uri())
    for name, width in (("page-desktop", 1180), ("page-phone", 390)):
        opened.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        opened.execute_script("window.dispatchEvent(new Event('resize'))")
        wide = opened.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width  # nothing hangs over the edge
        opened.execute_script("go(9)")
        height = opened.execute_script("return document.documentElement.scrollHeight")
        opened.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        assert opened.save_screenshot(str(folder / f"{name}.png"))
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_drums_and_every_family_have_a_voice(opened):
    opened.execute_script("return prepareSound()")
    count = opened.execute_script(
        "[0, 19, 25, 42, 60, 100, arguments[0]].forEach(voice);"
        "return Object.keys(instruments).length", DRUMS
    )  # fmt: skip
    assert count == 6

# ruff: noqa: F401, F811 (fixtures are found by name)
"""The page: its data, and in a real browser that it draws, plays and keeps time.

The browser tests need Chromium, its driver and selenium (``pip install -e .[browser]``), and are
skipped by name where they are missing. test_page_instrument.py tests what the net in the page does.
"""

import hashlib
import json
import re
import shutil
import subprocess
import time

import numpy as np
import pytest
from page_tools import (
    CHECKPOINT,
    PAGE,
    TOKENIZER,
    browser,
    check_log,
    click,
    open_page,
    opened,
    page,
    put,
    some_takes,
    until,
)

from tinylstm.music import ArticleTokenizer, compose_takes, read_midi
from tinylstm.music.files.export import write_piece
from tinylstm.music.notes import DRUMS
from tinylstm.page import page_data, write_page
from tinylstm.page.bundle import bundle
from tinylstm.page.data import inside, note_places


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
    assert "&lt;/script&gt;&lt;b&gt;&amp;" in text and text.count("</script>") == 8
    found = re.search(r'id="data">(.*?)</script>', text, re.S)[1]
    want = json.loads(json.dumps(page_data(takes, CHECKPOINT)))
    assert json.loads(found) | {"net": None} == want
    assert not re.search(r'(src|href)="(?!data:)', text.split("<script>")[0])
    assert "<noscript>" in text and "needs JavaScript" in text
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


def test_what_is_not_ours_is_what_is_recorded():
    """The version and the digest of each vendored script; if npm has installed it, its text too."""
    recorded = json.loads((PAGE / "vendored.json").read_text())
    assert set(recorded) == {path.name for path in PAGE.glob("*.min.js")}
    for name, entry in recorded.items():
        assert hashlib.sha256((PAGE / name).read_bytes()).hexdigest() == entry["sha256"]
        assert (PAGE / entry["licence"]).read_text().strip()
    tone = (PAGE / "tone.min.js").read_text(encoding="utf-8")
    assert f'"{recorded["tone.min.js"]["version"]}"' in tone


@pytest.mark.parametrize("tool", ["eslint", "tsc"])
def test_the_scripts_pass_the_linter_and_the_type_checker(tool):
    command = PAGE / "node_modules" / ".bin" / tool
    if not (shutil.which("node") and command.exists()):
        pytest.skip(f"no {tool}: npm install --prefix tinylstm/page installs it")
    how = {"eslint": ["."], "tsc": ["-p", "."]}[tool]
    done = subprocess.run([command, *how], cwd=PAGE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bundle_has_each_script_once_and_no_markup():
    for entry in ("page", "worker"):
        text = bundle(entry)
        names = re.findall(r"^const (\w+)_js = ", text, re.MULTILINE)
        assert len(names) == len(set(names)) and names[-1] == entry
        assert not re.search(r"^(import|export) ", text, re.MULTILINE)
        assert not re.search(r"</script|<!--", text)
    scripts = {path.stem for path in PAGE.glob("*.js") if ".min" not in path.name}
    used = re.findall(r"^const (\w+)_js = ", bundle("page") + bundle("worker"), re.MULTILINE)
    assert set(used) | {"guard"} == scripts


def test_without_the_net_the_page_is_small(tmp_path):
    takes = some_takes()
    small = write_page(tmp_path / "small.html", takes, CHECKPOINT, net=None).read_text()
    large = write_page(tmp_path / "large.html", takes, CHECKPOINT).read_text()
    assert 'id="weights"' not in small and 'id="weights"' in large
    assert len(small) < len(large) and len(small) < 600_000
    exact = write_page(tmp_path / "exact.html", takes, CHECKPOINT, net="float32").read_text()
    assert '"type":"float32"' in exact and '"type":"float32"' not in large


# In a browser


def press(driver, keys, element="scroller"):
    driver.find_element("id", element).send_keys(keys)


def test_the_roll_shows_the_notes_of_the_file(opened, page):
    """A pixel in the middle of each note in view has the note's colour."""
    takes = page[1]
    for index, take in enumerate(takes):
        opened.find_elements("css selector", "#takes button")[index].click()
        label = opened.find_element("id", "roll").get_attribute("aria-label")
        assert f"{len(take.notes)} notes" in label
        coloured = opened.execute_script("""
            const { piece } = tinylstm.player, canvas = document.getElementById("roll");
            const pen = canvas.getContext("2d"), ratio = canvas.width / canvas.clientWidth;
            const pitches = piece.notes.map((n) => n[2]);
            const low = Math.min(...pitches) - 2, high = Math.max(...pitches) + 2;
            const row = canvas.clientHeight / (high - low + 1);
            const drawn = pen.getImageData(0, 0, canvas.width, canvas.height).data;
            return piece.notes.map(([onset, duration, pitch]) => {
                const x = (onset + Math.min(duration / 2, 0.2)) * tinylstm.scale() * ratio;
                if (x >= canvas.width) return null;
                const y = Math.floor((high - pitch + 0.5) * row * ratio);
                const place = 4 * (y * canvas.width + Math.floor(x));
                return drawn[place + 2] - drawn[place] > 5;  // bluer than red
            });""")
        seen = [one for one in coloured if one is not None]
        assert all(seen) and len(seen) >= 20


def test_play_moves_the_cursor_and_sounds_each_note_at_its_time(opened, page):
    """At 150 a minute; onsets as the audio clock has them, within 5 ms of the file's."""
    take = page[1][2]
    opened.find_elements("css selector", "#takes button")[2].click()
    cursor = "return new DOMMatrix(getComputedStyle(document.getElementById('cursor')).transform).e"
    assert opened.execute_script(cursor) == 0
    opened.find_element("id", "play").click()
    sounded = "return tinylstm.sound.sounded"
    until(lambda: len(opened.execute_script(sounded)) >= 12)
    first = opened.execute_script(cursor)
    loudest = until(lambda: opened.execute_script("return tinylstm.sound.meter.getValue()") > -50)
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
    position = "return tinylstm.position()"
    press(opened, Keys.ARROW_RIGHT)
    press(opened, Keys.ARROW_RIGHT)
    assert opened.execute_script(position) == 8
    press(opened, Keys.ARROW_LEFT)
    assert opened.execute_script(position) == 4
    put(opened, "tempo", 240, "input")
    assert "240" in opened.find_element("id", "bpm").text
    press(opened, Keys.SPACE)
    until(lambda: opened.execute_script("return tinylstm.sound.sounded.length") >= 4)
    notes = opened.execute_script("return tinylstm.sound.sounded")
    assert notes[0]["onset"] >= 4
    gaps = [(n["time"] - notes[0]["time"], n["onset"] - notes[0]["onset"]) for n in notes]
    assert all(seconds == pytest.approx(q / 4, abs=0.005) for seconds, q in gaps)
    put(opened, "volume", 0, "input")
    assert opened.execute_script("return Tone.getDestination().volume.value < -1000")
    press(opened, Keys.SPACE)
    assert opened.execute_script("return tinylstm.player.playing") is False


def test_what_stands_beside_it(opened, page):
    rows = until(lambda: opened.find_elements("css selector", "#figures tr"))
    assert len(rows) == 11 and "pitch-class entropy" in opened.find_element("id", "figures").text
    assert opened.find_elements("css selector", "#loss svg path")
    options = opened.find_elements("css selector", "#unit option")
    assert len(options) == 8 + 1
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_without_the_net_units_are_shown_as_python_saw_them(browser, tmp_path):
    takes = some_takes()
    open_page(browser, write_page(tmp_path / "small.html", takes, CHECKPOINT, net=None))
    assert not browser.find_element("id", "compose-panel").is_displayed()
    inside = "return document.getElementById('inside').toDataURL()"
    options = browser.find_elements("css selector", "#unit option")
    assert len(options) == 8
    before = browser.execute_script(inside)
    options[5].click()
    assert browser.execute_script(inside) != before
    assert "lstm_2" in browser.find_element("id", "remembers").text
    rows = until(lambda: browser.find_elements("css selector", "#figures tr"))
    assert len(rows) == 9  # those of the piece alone: there is nothing to compare it with
    check_log(browser)


def test_drums_and_every_family_have_a_voice(opened):
    opened.execute_script("return tinylstm.prepareSound()")
    count = opened.execute_script(
        "[0, 19, 25, 42, 60, 100, arguments[0]].forEach(tinylstm.voice);"
        "return Object.keys(tinylstm.sound.instruments).length", DRUMS
    )  # fmt: skip
    assert count == 6


def test_a_downloaded_midi_file_has_the_notes_of_the_take(opened, page, tmp_path):
    """As the page writes it, read again by Python."""
    for index, take in enumerate(page[1]):
        bytes_ = opened.execute_script(
            "return [...tinylstm.midiOf(tinylstm.session.pieces[arguments[0]], 132)]", index
        )
        (tmp_path / "take.mid").write_bytes(bytes(bytes_))
        back = read_midi(tmp_path / "take.mid")
        want = sorted((n.onset, n.pitch, n.duration, n.program) for n in take.notes)
        found = sorted((n.onset, n.pitch, n.duration, n.program) for n in back.notes)
        np.testing.assert_allclose(found, want, atol=1e-6)
        assert back.tempo == pytest.approx(132, abs=0.01)
        assert back.time_signature == take.time_signature


def test_without_javascript_it_says_what_it_needs(browser, page):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page[0].as_uri())
        assert "needs JavaScript" in browser.find_element("tag name", "header").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_names_with_markup_stay_text(browser, tmp_path):
    """A baseline, a layer, a source and a take whose names are scripts: none runs, none loads."""
    import tinylstm as tl

    evil = (
        "<img src=x onerror=window.hit=1><script>window.hit=2</script>\"'><svg onload=window.hit=3>"
    )
    takes = some_takes()
    checkpoint = tl.Checkpoint(CHECKPOINT.model, CHECKPOINT.tokenizer, CHECKPOINT.history)
    checkpoint.settings = {"preset": evil, "baselines": {evil: 3.5}, "temperature": 0.9}
    for layer in checkpoint.model.layers:
        layer.name = f"{evil}{layer.name}"
    try:
        path = write_page(tmp_path / "evil.html", takes, checkpoint, title=evil)
    finally:
        for layer in checkpoint.model.layers:
            layer.name = layer.name.removeprefix(evil)
    text = path.read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    data["takes"][0]["source"] = data["takes"][0]["label"] = evil
    text = re.sub(r'(id="data">).*?(</script>)', lambda m: m[1]
                  + json.dumps(data).replace("<", "\\u003c") + m[2], text, flags=re.S)  # fmt: skip
    path.write_text(text)
    open_page(browser, path)
    for button in ("compose", "cut-unit", "link", "keep"):
        click(browser, button)
    until(lambda: evil in browser.find_element("id", "cuts").text)
    time.sleep(1)
    assert browser.title == evil
    assert evil in browser.find_element("id", "about").text
    assert evil in browser.find_element("id", "loss").get_attribute("textContent")
    assert evil in browser.find_element("id", "takes").text
    assert browser.execute_script("return window.hit === undefined")
    assert browser.execute_script("return document.images.length") == 0
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    check_log(browser)


def test_the_policy_lets_nothing_in_and_nothing_out(opened):
    """Even a script of the page itself could fetch nothing, and could make no markup from text."""
    tries = {
        "fetch": "await fetch('https://example.org/')",
        "file": "await fetch(location.href)",
        "socket": "new WebSocket('wss://example.org/'); await refused()",
        "image": "new Image().src = 'https://example.org/x.png'; await refused()",
        "form": "const f = document.createElement('form'); f.action = 'https://example.org/';"
        "document.body.append(f); f.submit(); await refused()",
        "style": "const s = document.createElement('style'); s.textContent = 'p { color: red }';"
        "document.head.append(s); await refused()",
        "frame": "const f = document.createElement('iframe'); f.src = 'https://example.org/';"
        "document.body.append(f); await refused()",
        "markup": "document.body.innerHTML += '<b>bold</b>'",
        "eval": "await new Promise((yes, no) => setTimeout(() => {"
        "try { yes(window['ev' + 'al']('1 + 1')); } catch (error) { no(error); } }))",
        "script": "const s = document.createElement('script'); s.textContent = 'window.hit = 1'",
        "worker": "new Worker('https://example.org/w.js')",
    }
    for name, code in tries.items():
        said = opened.execute_async_script("""
            const done = arguments[arguments.length - 1];
            const blocked = new Promise((yes, no) => {
                document.addEventListener("securitypolicyviolation", (e) =>
                    no(new Error(e.effectiveDirective)), { once: true });
                setTimeout(() => yes("allowed"), 1500);
            });
            window.refused = () => blocked;
            blocked.catch(() => 0);
            const work = async () => { """ + code + """ };
            work().then(() => done("allowed"), (error) => done(`refused: ${error.message}`));
        """)  # fmt: skip
        assert said.startswith("refused"), (name, said)
    assert opened.execute_script("return window.hit === undefined")
    opened.get_log("browser")  # full of refusals, as it should be

# ruff: noqa: F401, F811 (fixtures are found by name)
"""The net in the page, in a real browser: it composes what Python composes, answers what is played,
and can be taken apart and put together again.

Skipped by name without Chromium, its driver and selenium; axe-core comes from npm
(``npm install --prefix tinylstm/page``). ``TINYLSTM_SCREENSHOTS=docs`` keeps what the tests see,
``TINYLSTM_PAGE=page.html`` shows another page in them.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from page_tools import (
    CHECKPOINT,
    PAGE,
    PRIMER,
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

from tinylstm.music import Sampling, compose_takes, write_midi
from tinylstm.music.evaluation.statistics import MAJOR
from tinylstm.page import write_page

KEYS = dict(zip("awsedftgyhuj", range(60, 72), strict=True))


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """A page whose weights are those of the checkpoint, to the bit."""
    path = tmp_path_factory.mktemp("exact") / "page.html"
    return write_page(path, some_takes(), CHECKPOINT, net="float32")


@pytest.fixture
def played(browser, exact):
    open_page(browser, exact)
    yield browser
    browser.execute_script("tinylstm.pause()")
    check_log(browser)


def ids(driver):
    return driver.execute_script("return tinylstm.player.piece.ids")


def finish(driver):
    """Wait until the piece is composed, and give its ids."""
    done = "const { piece } = tinylstm.player; return piece.draft && !piece.composing"
    until(lambda: driver.execute_script(done))
    return ids(driver)


def set_up(driver, seed, length, unit, temperature=0.9):
    for element, value in (("seed", seed), ("length", length), ("length-unit", unit),
                           ("temperature", temperature)):  # fmt: skip
        put(driver, element, value)


def python_ids(seed, length, temperature=0.9, **other):
    take = compose_takes(CHECKPOINT, [seed], length, Sampling(temperature, **other))[0]
    return take.ids.tolist()


def test_compose_here_gives_pythons_piece_and_plays_it(played):
    set_up(played, 11, 16, "bars")
    click(played, "compose")
    until(lambda: played.execute_script("return tinylstm.sound.sounded.length >= 3"))
    assert finish(played) == python_ids(11, "16 bars")
    onsets = [n["onset"] for n in played.execute_script("return tinylstm.sound.sounded")]
    notes = played.execute_script("return tinylstm.player.piece.notes.map((n) => n[0])")
    assert onsets == notes[: len(onsets)]
    click(played, "another")
    assert finish(played) == python_ids(12, "16 bars")
    put(played, "top-k", 5)
    put(played, "max-repeat", 9)
    set_up(played, 3, 80, "notes", 1.2)
    click(played, "compose")
    assert finish(played) == python_ids(3, "80 notes", 1.2, top_k=5, max_repeat=9)


def test_a_key_is_kept(played):
    """Three nats off every pitch outside leave few of a net that knows nothing about keys."""
    put(played, "key", "2 major")
    set_up(played, 1, 150, "notes", 0.9)
    click(played, "compose")
    finish(played)
    notes = played.execute_script("return tinylstm.player.piece.notes")
    tones = [pitch for _, _, pitch, _, program in notes if program < 128]
    inside = np.mean([(pitch - 2) % 12 in MAJOR for pitch in tones])
    put(played, "key", "")
    click(played, "compose")
    free = [n[2] for n in played.execute_script("return tinylstm.player.piece.notes")]
    assert inside > 0.85 and free != [n[2] for n in notes]


def test_go_on_again_undo_and_keep(played):
    """From a place in Python's own take: what was before stays, another seed gives other music."""
    take = ids(played)
    place = "return tinylstm.player.piece.notes[20][0]"
    quarter = played.execute_script(place)
    played.execute_script("tinylstm.go(arguments[0])", quarter)
    set_up(played, 5, 40, "notes")
    click(played, "go-on")
    first = finish(played)
    kept = TOKENIZER.decode(take)
    kept = [note for note in kept if note.onset < quarter - 1e-6]
    start = int(np.argmin(np.equal(first[:120], take[:120])))
    assert TOKENIZER.decode(first)[: len(kept)] == kept and start > 40
    assert len(TOKENIZER.decode(first)) == len(kept) + 40
    played.execute_script("tinylstm.pause(); tinylstm.go(arguments[0])", quarter)
    click(played, "again")
    second = finish(played)
    assert TOKENIZER.decode(second)[: len(kept)] == kept and second != first
    click(played, "undo")
    assert finish(played) == first
    cards = len(played.find_elements("css selector", "#takes button"))
    click(played, "keep")
    assert len(played.find_elements("css selector", "#takes button")) == cards + 1


def test_endless_music_stays_a_little_ahead_of_what_is_heard(played):
    set_up(played, 2, 1, "endless")
    click(played, "compose")
    ahead = """const { piece } = tinylstm.player;
        const last = piece.notes.length && piece.notes.at(-1)[0];
        return [tinylstm.position(), last, piece.composing]"""
    until(lambda: played.execute_script(ahead)[0] > 1.5)
    now, last, composing = played.execute_script(ahead)
    assert composing and now < last < now + 8 + 16  # a single note may wait for long
    until(lambda: played.execute_script(ahead)[1] > last)


def test_a_link_makes_the_piece_again(played, exact):
    played.execute_script("tinylstm.go(tinylstm.player.piece.notes[10][0])")
    set_up(played, 8, 30, "notes", 1.1)
    click(played, "go-on")
    want = finish(played)
    click(played, "link")
    address = until(lambda: played.execute_script("return location.hash"))
    assert len(address) < 2000
    open_page(played, exact, address)
    assert finish(played) == want
    until(lambda: "composed again from its link" in played.find_element("id", "status").text)
    for bad in ("#nonsense", "#e30", "#" + "A" * 5000):
        open_page(played, exact, bad)
        until(lambda: "cannot be read" in played.find_element("id", "status").text)
        assert ids(played) == some_takes()[0].ids.tolist()


def test_it_goes_on_from_a_midi_file(played, tmp_path):
    path = write_midi(tmp_path / "theme.mid", list(PRIMER.notes), tempo=90)
    set_up(played, 4, 20, "notes")
    put(played, "primer-bars", 2)
    played.execute_script("tinylstm.player.piece.before = true")
    played.find_element("id", "primer").send_keys(str(path or tmp_path / "theme.mid"))
    until(lambda: played.execute_script("return !tinylstm.player.piece.before"))
    made = TOKENIZER.decode(finish(played))
    assert len(made) == 16 + 20
    assert [(n.onset, n.pitch) for n in made[:16]] == [
        (n.onset, n.pitch) for n in PRIMER.notes[:16]
    ]
    (tmp_path / "broken.mid").write_bytes(b"MThd, but not really")
    played.find_element("id", "primer").send_keys(str(tmp_path / "broken.mid"))
    again = "document.getElementById('primer').dispatchEvent(new Event('change'))"
    refused = "return document.getElementById('status').textContent.includes('cannot be continued')"
    until(lambda: played.execute_script(refused) or played.execute_script(again))


def press(driver, letter, down):
    driver.execute_cdp_cmd(
        "Input.dispatchKeyEvent",
        {"type": "keyDown" if down else "keyUp", "key": letter, "text": letter if down else ""},
    )


def play_phrase(driver, letters, gap=0.25):
    """Press keys in time, in the browser's own clock."""
    begin = time.monotonic()
    for n, letter in enumerate(letters):
        time.sleep(max(0.0, begin + n * gap - time.monotonic()))
        press(driver, letter, True)
        time.sleep(0.12)
        press(driver, letter, False)


def answers(driver, count):
    log = "return tinylstm.duet.log"
    return until(lambda: len(found := driver.execute_script(log)) >= count and found)


def test_it_answers_a_phrase_in_time_and_in_its_key(played):
    put(played, "patience", "0.6")
    play_phrase(played, "asdfgfdsa")
    (log,) = answers(played, 1)
    first = log["first"]
    pitches = [note[2] for note in log["phrase"]]
    assert pitches == [60, 62, 64, 65, 67, 65, 64, 62, 60] and log["key"] == "C major"
    assert 0 <= log["start"] - log["over"] <= 0.3
    sounded = until(lambda: played.execute_script("return tinylstm.sound.sounded"))
    heard = sounded[0]["time"] - log["offset"]  # the audio clock's time as the page's
    assert 0 <= heard - log["over"] <= 0.3 and abs(heard - log["start"]) < 0.1
    notes = played.execute_script("return tinylstm.player.piece.notes")
    assert sounded[0]["pitch"] == notes[first][2]
    until(lambda: "Your turn" in played.find_element("id", "status").text)
    whole = ids(played)
    play_phrase(played, "jhgh")
    answers(played, 2)
    assert ids(played)[: len(whole) - 1] == whole[:-1]  # the same conversation, without its end


def test_playing_interrupts_the_answer_and_a_phrase_that_goes_on_is_one_phrase(played):
    put(played, "patience", "2.5")
    play_phrase(played, "adg")
    until(lambda: played.execute_script("return tinylstm.duet.answer"))  # the net has thought
    play_phrase(played, "gda")
    (log,) = answers(played, 1)
    assert [note[2] for note in log["phrase"]] == [60, 64, 67, 67, 64, 60]
    until(lambda: played.execute_script("return tinylstm.player.playing"))
    press(played, "k", True)
    until(lambda: not played.execute_script("return tinylstm.player.playing"))
    press(played, "k", False)
    answers(played, 2)


def test_keys_can_be_played_by_touch_and_by_keyboard_alone(played):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    click(played, "answer-me")
    held = "return [...tinylstm.duet.held.keys()]"
    key = played.find_element("css selector", '#keys [data-pitch="64"]')
    ActionChains(played).move_to_element_with_offset(key, 0, 50).click_and_hold().perform()
    assert played.execute_script(held) == [64]
    other = played.find_element("css selector", '#keys [data-pitch="65"]')
    ActionChains(played).move_to_element_with_offset(other, 0, 50).perform()
    assert played.execute_script(held) == [65]
    ActionChains(played).release().perform()
    assert played.execute_script(held) == []
    played.execute_script("arguments[0].focus()", key)
    ActionChains(played).send_keys(Keys.ARROW_RIGHT).key_down(Keys.ENTER).perform()
    assert played.execute_script(held) == [65]
    ActionChains(played).key_up(Keys.ENTER).perform()
    assert (
        played.execute_script("return tinylstm.duet.log.length") == 0
    )  # it was told not to answer


def test_a_midi_keyboard_plays(played):
    """With a keyboard that the browser would give: notes on, off, and on with velocity 0."""
    played.execute_script("""
        window.input = { name: "Keys" };
        navigator.requestMIDIAccess = async () => ({ inputs: new Map([["one", window.input]]) });
        document.getElementById("midi-in").click();""")
    until(lambda: "Connected: Keys" in played.find_element("id", "status").text)
    for message, want in (((0x91, 61, 100), [61]), ((0x91, 70, 40), [61, 70]),
                          ((0x81, 61, 0), [70]), ((0x91, 70, 0), [])):  # fmt: skip
        held = played.execute_script(
            "window.input.onmidimessage({ data: arguments[0], timeStamp: performance.now() });"
            "return [...tinylstm.duet.held.keys()]", message
        )  # fmt: skip
        assert held == want


SEEN = """const { seen } = tinylstm.apart;
    return seen && [seen.place, [...seen.p], [...seen.cells[1]], [...seen.gates]]"""


def look(driver, place):
    """The net's view at a token, as far as it is new."""
    driver.execute_script("tinylstm.apart.seen = null; tinylstm.look(arguments[0])", place)
    return until(lambda: driver.execute_script(SEEN))


def test_a_unit_off_and_on_again_is_the_same_to_the_bit(played):
    """The unit that follows pitch; then a gate of it; then the forget gate of the whole layer."""
    place, before, cells, _ = look(played, 40)
    take = some_takes()[0]
    _, _, caches = CHECKPOINT.model.forward(take.ids[:40, None])
    np.testing.assert_allclose(cells, caches[1].c[40, 0], atol=1e-5)
    assert place == 40 and sum(before) == pytest.approx(1)
    for whole, button in ((False, "cut-unit"), (False, "cut-o"), (True, "cut-f")):
        if whole:
            click(played, "whole-layer")
        click(played, button)
        _, after, _, gates = look(played, 40)
        moved = sum(abs(a - b) for a, b in zip(before, after, strict=True)) / 2
        assert moved > 1e-5, button
        assert 0.0 in gates
        assert f"{100 * moved:.1f} %" in played.find_element("id", "moved").text
        played.find_element("css selector", "#cuts button").click()
        assert look(played, 40)[1] == before  # every bit


def test_a_unit_that_is_off_changes_what_is_still_to_be_heard(played):
    set_up(played, 6, 200, "notes", 0.5)
    click(played, "compose")
    whole = finish(played)
    until(lambda: played.execute_script("return tinylstm.position()") > 0.5)
    click(played, "whole-layer")
    click(played, "cut-o")
    until(lambda: ids(played)[: len(whole)] != whole)
    assert played.execute_script("return tinylstm.player.playing")
    changed = finish(played)
    assert changed[:2] == whole[:2] and changed != whole
    click(played, "undo")
    assert finish(played) == whole


def test_the_traces_and_the_steps_are_those_of_the_net(played):
    take = some_takes()[0]
    _, _, caches = CHECKPOINT.model.forward(take.ids[:, None])
    put(played, "layer", "1")
    put(played, "unit-number", 5)
    _, _, _, gates = look(played, 30)
    np.testing.assert_allclose(gates, caches[1].gates[29, 0, 5::8], atol=1e-5)
    inside = "return document.getElementById('inside').toDataURL()"
    picture = played.execute_script(inside)
    put(played, "unit-number", 2)
    until(lambda: played.execute_script(inside) != picture)
    click(played, "step-on")
    until(lambda: "token 31" in played.find_element("id", "place").text)
    canvas = played.find_element("id", "cells-1")
    played.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    canvas.click()  # the middle of 3 x 3 cells is unit 4
    assert played.find_element("id", "unit-number").get_attribute("value") == "4"


def test_the_figures_follow_the_piece(played):
    shown = (
        "return [...document.querySelectorAll('#figures tr')].map((r) => r.cells[1].textContent)"
    )
    before = until(lambda: played.execute_script(shown))
    set_up(played, 9, 50, "notes")
    click(played, "compose")
    finish(played)
    until(lambda: played.execute_script(shown) != before)
    assert all(np.isfinite(float(text)) for text in played.execute_script(shown))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(opened, theme):
    axe = PAGE / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("no axe-core: npm install --prefix tinylstm/page installs it")
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": theme}]},
    )
    click(opened, "cut-unit")
    opened.execute_script("document.querySelector('details').open = true")
    until(lambda: opened.find_elements("css selector", "#expected li"))
    opened.execute_script(axe.read_text(encoding="utf-8"))
    found = opened.execute_async_script(
        "axe.run().then((r) => arguments[0]([r.passes.length, r.violations.map((v) => "
        "[v.id, v.nodes.map((n) => n.target.join() + ' ' + n.failureSummary)])]))"
    )
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found[0] > 20 and found[1] == []


def test_on_a_phone_and_pictures_of_it(opened, page, tmp_path):
    folder = Path(os.environ.get("TINYLSTM_SCREENSHOTS", tmp_path))
    open_page(opened, os.environ.get("TINYLSTM_PAGE", page[0]))
    until(lambda: opened.find_element("id", "inside").is_displayed())
    for name, width, theme in (
        ("page-desktop", 1180, "light"), ("page-dark", 1180, "dark"), ("page-phone", 360, "light"),
    ):  # fmt: skip
        size = {"width": width, "deviceScaleFactor": 1, "mobile": width < 500}
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"height": 900})
        opened.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": theme}]},
        )
        opened.execute_script("tinylstm.go(9)")
        time.sleep(0.7)
        wide = opened.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width  # nothing hangs over the edge
        height = opened.execute_script("return document.documentElement.scrollHeight")
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"height": height})
        time.sleep(0.3)
        assert opened.save_screenshot(str(folder / f"{name}.png"))
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

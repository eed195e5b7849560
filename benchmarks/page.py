"""The figures of the page: its net against Python's, its speed, its frames, its answers.

    python benchmarks/page.py out/model.npz

Numbers are compared in Node; speed, frames and answers are measured in headless Chromium, with the
checkpoint's net and with random nets in the shapes of the presets `default` and `best`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from page_tools import click, driver, node, open_page, put, until

import tinylstm as tl
from tinylstm.music import EventTokenizer, Note, Sampling, compose_takes
from tinylstm.music.evaluation.statistics import scale_consistency
from tinylstm.page import net_data, write_page

PHRASES = ["asdfgfdsa", "gfdsa", "adgk", "khgfd", "asdgh", "dfghj", "gghgk", "aefgygfea"]
FRAMES = """window.frames_ = []; let last = performance.now();
    const count = (now) => { frames_.push(now - last); last = now; requestAnimationFrame(count); };
    requestAnimationFrame(count);"""


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("checkpoint", type=Path)
    checkpoint = tl.load_checkpoint(parser.parse_args().checkpoint)
    take = compose_takes(checkpoint, [0], 500)[0]
    numbers(checkpoint, take.ids[:500])
    grammar(checkpoint)
    with tempfile.TemporaryDirectory() as folder, driver(folder) as chromium:
        page = write_page(Path(folder) / "page.html", [take], checkpoint)
        print(f"page with the checkpoint's net in float16: {page.stat().st_size:,} bytes")
        speed(chromium, page, "the checkpoint")
        answers(chromium, page, checkpoint)
        for name in ("default", "best"):
            page = write_page(Path(folder) / f"{name}.html", [take], shape(name))
            speed(chromium, page, f"the shape of {name}")


def numbers(checkpoint: tl.Checkpoint, ids: np.ndarray) -> None:
    """Logits and argmax tokens, Node against the textbook; and whole pieces, by seed."""
    tl.set_backend("numpy")
    want, _, _ = checkpoint.model.forward(ids[:, None])
    tl.set_backend("auto")
    for precision in ("float32", "float16"):
        data = net_data(checkpoint, precision)
        found = np.array(node("logits", data=data, ids=ids.tolist()))
        most = np.abs(found - want[:, 0]).max()
        print(f"{precision}: logits of {len(ids)} tokens differ by {most:.1e}")
        chosen = tl.generate(checkpoint.model, ids[:100], 500, Sampling(0))
        made = node("argmax", data=data, ids=ids[:100].tolist(), steps=500)
        print(f"{precision}: {int((chosen == made).sum())} of 500 argmax tokens are Python's")
        same = sum(
            node("compose", data=data, primer=[0], seed=seed, settings={},
                 length={"amount": 500, "unit": "notes"})
            == compose_takes(checkpoint, [seed], 500)[0].ids.tolist()
            for seed in range(5)
        )  # fmt: skip
        print(f"{precision}: {same} of 5 sampled pieces of 500 notes are Python's, token by token")


def grammar(checkpoint: tl.Checkpoint) -> None:
    """100 pieces of 500 notes: decode raises an error for a token that may not stand there."""
    tokenizer = EventTokenizer(**{k: v for k, v in checkpoint.tokenizer.items() if k != "name"})
    data, whole = net_data(checkpoint), 0
    for temperature in (0.85, 1.5):
        made = node("pieces", data=data, primer=[0], seeds=list(range(50)),
                    settings={"temperature": temperature},
                    length={"amount": 500, "unit": "notes"})  # fmt: skip
        whole += sum(len(tokenizer.decode(ids)) == 500 for ids in made)
    print(f"{whole} of 100 pieces obey the grammar and have 500 notes")


def shape(name: str) -> tl.Checkpoint:
    """A preset's net with random weights."""
    tokenizer = EventTokenizer()
    model = tl.Sequential(tl.PRESETS[name].layers(len(tokenizer)))
    return tl.Checkpoint(model, tokenizer.to_config())


def speed(chromium, page: Path, name: str) -> None:
    """Tokens per second and the longest frame, while the piece is composed and plays."""
    open_page(chromium, page)
    put(chromium, "length", 500)
    put(chromium, "length-unit", "notes")
    click(chromium, "compose")  # warms up the engine
    done = "return !tinylstm.player.piece.composing"
    until(lambda: chromium.execute_script(done), 120)
    put(chromium, "seed", 77)
    chromium.execute_script(FRAMES)
    begin = time.perf_counter()
    click(chromium, "compose")
    until(lambda: chromium.execute_script(done), 120)
    tokens = chromium.execute_script("return tinylstm.player.piece.ids.length")
    rate = tokens / (time.perf_counter() - begin)
    time.sleep(6)
    frames = sorted(chromium.execute_script("return frames_"))
    long = [frame for frame in frames if frame > 50]
    print(f"{name}: {rate:.0f} tokens per second; {len(frames)} frames while it plays, "
          f"{len(long)} over 50 ms, the longest {frames[-1]:.0f} ms")  # fmt: skip


def answers(chromium, page: Path, checkpoint: tl.Checkpoint) -> None:
    """How late the answer to a phrase begins, and how well both together fit one scale."""
    late, fit = [], []
    for phrase in PHRASES:
        open_page(chromium, page)
        begin = time.monotonic()
        for n, letter in enumerate(phrase):
            time.sleep(max(0.0, begin + n * 0.25 - time.monotonic()))
            press(chromium, letter, True)
            time.sleep(0.12)
            press(chromium, letter, False)
        log = until(lambda: chromium.execute_script("return tinylstm.duet.log[0]"), 20)
        sounded = until(lambda: chromium.execute_script("return tinylstm.sound.sounded[0]"))
        late.append(sounded["time"] - log["offset"] - log["over"])
        until(lambda: chromium.execute_script("return !tinylstm.player.piece.composing"), 20)
        notes = chromium.execute_script("return tinylstm.player.piece.notes")
        fit.append(scale_consistency([Note(*note) for note in notes]))
        chromium.execute_script("tinylstm.pause()")
    own = [scale_consistency(take.notes) for take in compose_takes(checkpoint, range(20), 500)]
    print(f"{len(late)} phrases: the answer begins {1000 * statistics.median(late):.0f} ms after "
          f"the pause (at most {1000 * max(late):.0f}); scale consistency with the phrase "
          f"{statistics.mean(fit):.2f} (at least {min(fit):.2f}), "
          f"of the net's own pieces {statistics.mean(own):.2f}")  # fmt: skip


def press(chromium, letter: str, down: bool) -> None:
    kind = "keyDown" if down else "keyUp"
    chromium.execute_cdp_cmd(
        "Input.dispatchKeyEvent", {"type": kind, "key": letter, "text": letter if down else ""}
    )


if __name__ == "__main__":
    main()

"""Compare a hundred composed pieces with human ones; writes docs/hundred.md.

    python benchmarks/hundred.py                                  trains both networks first
    python benchmarks/hundred.py --default out/model.npz --article out-article/model.npz
    python benchmarks/hundred.py --pieces 10 --out /tmp/ten.md    a quick look
    python benchmarks/hundred.py --only temperatures              the same at other temperatures
    python benchmarks/hundred.py --plain --only default --out /tmp/plain.md
                                                                  without recall and other rules

Are pieces stuck in a cycle? Copied from the training set? Are their statistics like those of human
pieces? Can a classifier tell them apart (needs scikit-learn: the extra `judge`)? Tests the default
preset with its own sampling and, for contrast, the 2017 tutorial's preset (`article`) with argmax.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import tinylstm as tl
from tinylstm import music
from tinylstm.alone import ranks_of
from tinylstm.files import replacing
from tinylstm.music.composing.compose import default_sampling
from tinylstm.music.composing.control import PLAIN
from tinylstm.music.evaluation.compare import ENDINGS, FORM_LABELS, LABELS, Judge, excerpt_of

HERE = Path(__file__).resolve().parent
AT_ONCE = 25  # pieces composed in one batch
TELLING = 15  # features that the table of the classifier shows
PARTS = ("default", "article", "temperatures")


def arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--default", type=Path, default=Path("out/hundred/default.npz"), help="checkpoint")
    add("--article", type=Path, default=Path("out/hundred/article.npz"), help="checkpoint")
    add("--article-epochs", type=int, default=1, help="epochs if it must be trained (default 1)")
    add("--midi", type=Path, default=HERE.parent / "midi_songs", help="folder of music")
    add("--pieces", type=int, default=100)
    add("--plain", action="store_true", help="what the net and its grammar compose alone")
    add("--only", choices=PARTS, help="compute this part, keep the others")
    add("--temperatures", type=float, nargs="+", default=[0.7, 0.8, 0.9, 1.0])
    add("--length", type=int, default=500, help="notes; for article, tokens")
    add("--out", type=Path, default=HERE.parent / "docs" / "hundred.md")
    return parser.parse_args()


def train(midi: Path, path: Path, name: str = "default", epochs: int | None = None) -> None:
    """Train a preset on a folder; writes the checkpoint `path`."""
    preset = tl.PRESETS[name]
    tokenizer = music.tokenizer_for(preset)
    keys, world = preset.transpositions, tl.world()
    corpus = music.load_corpus(midi, tokenizer, transpositions=keys, communicator=world)
    model = tl.Sequential(preset.layers(len(corpus.tokenizer)))
    music.fit_preset(preset, model, corpus, path, epochs, communicator=world)


class Composer:
    """A checkpoint, and judges made from the music that it was trained on."""

    def __init__(self, path: Path, args: argparse.Namespace):
        self.checkpoint = tl.load_checkpoint(path)
        self.pieces, self.length = args.pieces, args.length
        self.control = PLAIN if args.plain else music.Control()
        self.preset = tl.PRESETS[self.checkpoint.settings["preset"]]
        tokenizer = music.tokenizer_from_config(self.checkpoint.tokenizer or {})
        keys = self.preset.transpositions
        corpus = music.load_corpus(
            args.midi, tokenizer, transpositions=keys, communicator=tl.world()
        )
        self.held_out = Judge(corpus, args.length)
        self.everyone = Judge(corpus, args.length, everyone=True)
        self.human_auc = self.everyone.human_auc()


def compose_and_judge(composer: Composer, sampling: music.Sampling | None) -> dict[str, Any]:
    """Compose the pieces and compare them with human ones; returns plain data."""
    checkpoint, preset, length = composer.checkpoint, composer.preset, composer.length
    held_out, everyone = composer.held_out, composer.everyone

    def compose(seeds: list[int]) -> list[Any]:
        made, begin = list[music.Take](), time.perf_counter()
        for i in range(0, len(seeds), AT_ONCE):
            some = seeds[i : i + AT_ONCE]
            made += music.compose_takes(
                checkpoint, some, length, sampling, control=composer.control
            )
            seconds = time.perf_counter() - begin
            print(f"{preset.name}: {len(made)} pieces, {seconds:.0f} s", flush=True)
        excerpts = map(excerpt_of, made)
        return [(e, held_out.judge(e), made[0].sampling) for e in excerpts]

    spread = ranks_of(tl.world()).spread(compose, list(range(composer.pieces)))
    pieces, judged, (used, *_) = map(list, zip(*spread, strict=True))
    losses = [row.get("val_loss", row["loss"]) for row in checkpoint.history]
    return {
        "preset": preset.name,
        "epochs": len(losses),
        "val_loss": min(losses, default=None),
        "sampling": used.__dict__,
        "length": length,
        "held_out": held_out.summary(judged),
        "everyone": everyone.summary(judged),
        "distinction": everyone.distinguish(pieces).plain(),
        "human_auc": composer.human_auc,
        "each": [judgement._asdict() for judgement in judged],
    }


def section(found: dict[str, Any]) -> str:
    """The results of one preset, in Markdown."""
    few, all_of_them = found["held_out"], found["everyone"]
    said = {k: v for k, v in found["sampling"].items() if k == "temperature" or v not in (0, 1)}
    trained = "Less than one epoch (the training was interrupted)"
    if found["epochs"]:
        epochs = "1 epoch" if found["epochs"] == 1 else f"{found['epochs']} epochs"
        trained = f"{epochs}, validation loss {found['val_loss']:.3f} nats per token"
    text = (
        f"## {few['pieces']} pieces of the preset `{found['preset']}`\n\n"
        f"{trained}; "
        f"{found['length']} {'tokens' if found['preset'] == 'article' else 'notes'} each; "
        f"sampling: {', '.join(f'{k} {v:g}' for k, v in said.items())}"
        f"{' (argmax)' if not said['temperature'] else ''}.\n\n"
        f"- Stuck (a cycle of up to 8 tokens is longer than {few['stuck_above']}): "
        f"**{len(few['stuck'])} of {few['pieces']}**.\n"
    )
    for name, how in (("copied", "in any key"), ("copied_exactly", "exactly")):
        text += (
            f"- Longest passage copied {how}: **{few[name + '_longest']:.0f} notes**; the 95th "
            f"percentile of human pieces is {few[name + '_limit']:.1f} (held out) and "
            f"{all_of_them[name + '_limit']:.1f} (each in turn).\n"
        )
    text += (
        f"\n| figure | ours | held out ({few['human_excerpts']} excerpts): median, middle half | "
        f"each in turn ({all_of_them['human_excerpts']}): median, middle half | inside |\n"
        "|---|---|---|---|---|\n"
    )
    for row, wide in zip(few["figures"], all_of_them["figures"], strict=True):
        inside = [n for n, r in (("held out", row), ("each in turn", wide)) if r["natural"]]
        text += (
            f"| {row['label']}, {row['unit']} | {row['ours']:.2f} "
            f"| {row['median']:.2f}, {row['low']:.2f} to {row['high']:.2f} "
            f"| {wide['median']:.2f}, {wide['low']:.2f} to {wide['high']:.2f} "
            f"| {' and '.join(inside) or '**no**'} |\n"
        )
    return text + (told_apart(found) if "distinction" in found else "")  # an older file: figures


def told_apart(found: dict[str, Any]) -> str:
    """How the pieces end, and how well a classifier tells them from human ones, in Markdown."""
    text, told = "\n", found["distinction"]
    for name, label in ENDINGS.items():
        ours, human = found["everyone"][name]
        text += f"- {label[0].upper()}{label[1:]}: **{ours:.0%}**; human: {human:.0%}.\n"
    text += (
        f"\nA classifier tells them from human excerpts with an AUC of **{told['auc']:.3f}** "
        f"({told['ours']} pieces, {told['human']} excerpts of {told['human_pieces']} pieces; "
        f"standard deviation over four repeats {told['spread']:.3f}; human pieces against other "
        f"human pieces: {found['human_auc']:.3f}). What gives them away:\n\n"
        "| feature | AUC of it alone | ours | human |\n|---|---|---|---|\n"
    )
    names = {**LABELS, **FORM_LABELS}
    for row in told["features"][:TELLING]:
        label = names.get(row["name"], (row["name"],))[0]
        text += f"| {label} | {row['auc']:.3f} | {row['ours']:.3f} | {row['human']:.3f} |\n"
    return text


def sweep(composer: Composer, at: list[float]) -> list[dict[str, Any]]:
    """Compose and compare the same seeds at each temperature; returns a row for each."""
    rows = []
    for temperature in at:
        sampling = replace(default_sampling(composer.checkpoint.settings), temperature=temperature)
        found = compose_and_judge(composer, sampling)
        few, wide = found["held_out"], found["everyone"]
        rows.append(
            {
                "temperature": temperature,
                "held_out": sum(row["natural"] for row in few["figures"]),
                "everyone": sum(row["natural"] for row in wide["figures"]),
                "figures": len(few["figures"]),
                "outside": [row["label"] for row in wide["figures"] if not row["natural"]],
                "stuck": len(few["stuck"]),
                "copied": few["copied_longest"],
                "copied_exactly": few["copied_exactly_longest"],
                "auc": found["distinction"]["auc"],
            }
        )
    return rows


def temperatures(rows: list[dict[str, Any]]) -> str:
    """The table of the temperatures, in Markdown."""
    text = (
        "## The temperature\n\nFor each temperature of the preset `default`: how many medians are "
        "inside, the longest copied passages, in notes, and the classifier's AUC.\n\n| temperature "
        "| inside, held out | inside, each in turn | stuck | copied in any key | copied exactly "
        "| AUC | outside, each in turn |\n|---|---|---|---|---|---|---|---|\n"
    )
    for row in rows:
        auc = f"{row['auc']:.3f}" if "auc" in row else "not measured"  # in an older file
        text += (
            f"| {row['temperature']:g} | {row['held_out']} of {row['figures']} "
            f"| {row['everyone']} of {row['figures']} | {row['stuck']} | {row['copied']:.0f} "
            f"| {row['copied_exactly']:.0f} | {auc} | {', '.join(row['outside'])} |\n"
        )
    return text


HEAD = """# A hundred pieces compared with human ones

Written by `python benchmarks/hundred.py`; all numbers are in [hundred.json](hundred.json).

"Ours" is the median of the composed pieces. Human pieces are cut into excerpts of the same length.
*Held out* are the pieces of the validation set, which the network has not seen; there are few.
*Each in turn* are all pieces of the corpus, each compared with all others except its
near-duplicates, as if it were held out; there are many, so this estimates human music better.
*Inside* says for which of the two our median lies in the middle half. The figures are defined in
`tinylstm/music/evaluation/`: `statistics.py`, `form.py`, `rhythm.py`, `harmony.py` and `copies.py`.

The AUC is the probability that a classifier, trained on other pieces, takes the right one of a
composed and a human piece for the composed one: 0.5 if nothing tells them apart, 1 if something
always does. `classifier.py` has the definition; it sees all features of `features.py`, and
excerpts of one human piece are never on both sides of a fold.

"""


def main() -> None:
    args = arguments()
    results = args.out.with_suffix(".json")
    found = json.loads(results.read_text()) if args.only and results.exists() else {}
    if args.only in (None, "default", "temperatures"):
        if not args.default.exists():
            train(args.midi, args.default)
        composer = Composer(args.default, args)
        if args.only != "temperatures":
            found["default"] = compose_and_judge(composer, None)
        if args.only != "default":
            found["temperatures"] = sweep(composer, args.temperatures)
    if args.only in (None, "article"):
        if not args.article.exists():
            train(args.midi, args.article, "article", args.article_epochs)
        found["article"] = compose_and_judge(Composer(args.article, args), music.Sampling(0))
    if ranks_of(tl.world()).rank:
        return
    with replacing(results) as stream:
        stream.write(json.dumps(found, indent=1).encode())
    with replacing(args.out) as stream:
        sections = [section(found[name]) for name in ("default", "article") if name in found]
        sections += [temperatures(found["temperatures"])] if "temperatures" in found else []
        stream.write((HEAD + "\n".join(sections)).encode())
    print(f"{args.out}, {results}")


if __name__ == "__main__":
    try:
        main()
    except (music.EmptyCorpusError, tl.FileError, ValueError) as error:
        sys.exit(f"error: {error}")

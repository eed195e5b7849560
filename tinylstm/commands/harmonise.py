"""The command `tinylstm harmonise`: voices below a melody."""

from pathlib import Path

import click

from .shared import FILE, SEED


@click.command("harmonise")
@click.argument("checkpoint", type=FILE)
@click.argument("melody")
@click.option("--voices", type=click.IntRange(2, 8), default=4, show_default=True)
@click.option(
    "--candidates", type=click.IntRange(1, 4096), default=64, show_default=True,
    help="How many harmonisations grow at the same time.",
)  # fmt: skip
@click.option("--temperature", type=float, help="Default: the preset's.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Same seed, same harmony.")
@click.option("--tempo", type=click.FloatRange(1, 1000), default=90.0, show_default=True)
@click.option(
    "--out", type=FILE, multiple=True,
    help="A file to write: .mid .musicxml .wav .png; repeatable. Default: harmony-SEED.mid next to "
    "the checkpoint.",
)  # fmt: skip
def harmonise_command(
    checkpoint: Path,
    melody: str,
    voices: int,
    candidates: int,
    temperature: float | None,
    seed: int,
    tempo: float,
    out: tuple[Path, ...],
) -> None:
    """Write voices below MELODY with the network in CHECKPOINT: a music file, whose highest notes
    are taken, or the names of notes.

    \b
    tinylstm train music21:bach --preset chorales
    tinylstm harmonise out/model.npz "G4 | G4 D5 B4 G4 | A4:1/2 B4 C5:1 B4 A4 | B4:3"
    tinylstm harmonise out/model.npz tune.mid --out tune.musicxml
    """
    from ..checkpoint import load_checkpoint
    from ..files import quoted
    from ..music.composing.harmonise import harmonise
    from ..music.composing.melody import melody_from_names, top_line
    from ..music.files import read_music
    from ..music.files.export import check_export, write_piece

    out = out or (checkpoint.with_name(f"harmony-{seed}.mid"),)
    for path in out:
        check_export(path)
    named = Path(melody).suffix and " " not in melody.strip()
    given = top_line(read_music(melody)) if named else melody_from_names(melody, tempo)
    loaded = load_checkpoint(checkpoint)
    harmony = harmonise(loaded, given, voices, candidates, seed, temperature)
    click.echo(f"{len(harmony.piece)} notes; score {harmony.score:.2f} nats per note of the melody")
    for path in out:
        click.echo(f"wrote {quoted(write_piece(path, harmony.piece))}")

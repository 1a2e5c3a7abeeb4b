"""``sklearn-tai generate``: from labels to a corpus of training texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .._typing import Settings
from ._labels import label_option, read_labels
from ._shell import check_folder, count, note, quiet_option, seed_option, shows_progress

_ONLY_OLLAMA = ("host", "checkpoint", "label_policy", "timeout")


@click.command(short_help="Write training texts about labels.")
@click.argument("labels", required=False, type=click.Path(exists=True, allow_dash=True))
@label_option
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The corpus, in JSON Lines.",
)
@click.option(
    "--n-texts",
    metavar="N",
    type=click.IntRange(1),
    help="How many texts.  [default: 5000, with --ollama 1000]",
)
@seed_option
@click.option("--ollama", metavar="MODEL", help="Have a language model on Ollama write captions.")
@click.option("--host", metavar="URL", help="Address of Ollama.  [default: Ollama's own]")
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    help="Seconds that Ollama may take for a caption.",
)
@click.option(
    "--label-policy",
    type=click.Choice(["sampled", "all", "named"]),
    help="Labels of a caption: the requested ones; the same, but drop captions that do not "
    "mention them all; or those that it mentions.  [default: sampled]",
)
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to save captions as they arrive.  [default: OUTPUT with .captions.jsonl]",
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
@quiet_option
def generate(
    labels: str | None,
    named: tuple[str, ...],
    output: Path,
    n_texts: int | None,
    seed: int,
    ollama: str | None,
    force: bool,
    quiet: bool,
    **ollama_options: Any,
) -> None:
    """Write training texts about labels, from templates or with a language model.

    LABELS is a text file, or - for standard input, with one label per line, in natural words
    ("tv monitor", not "tvmonitor"), optionally with synonyms. Groups, and labels that exclude
    each other, follow the labels. # starts a comment.

    \b
      car = car, automobile   a label and all its names
      vehicle: car, bus       a group, present if a member is
      day | night             labels that exclude each other

    A language model's captions are saved as they arrive. If interrupted, run the same command
    again to continue; use a larger --n-texts (and --force) to add captions.

    \b
    Examples:
      sklearn-tai generate labels.txt -o corpus.jsonl
      sklearn-tai generate --label dog --label "traffic light" -o corpus.jsonl
      sklearn-tai generate labels.txt --ollama llama3.2 --n-texts 500 -o corpus.jsonl
    """
    given = [f"--{name.replace('_', '-')}" for name in _ONLY_OLLAMA if ollama_options[name]]
    if given and ollama is None:
        raise click.UsageError(f"{given[0]} needs --ollama.")
    if not labels and not named:
        raise click.UsageError("Give a file of labels, or --label once or more.")
    if output.exists() and not force:
        raise click.UsageError(f"{str(output)!r} exists; --force overwrites it.")
    check_folder(output)

    from ..corpus import OllamaCorpusGenerator, PromptCorpusGenerator

    vocabulary = read_labels(labels, named)
    settings: Settings = {"random_state": seed}
    if n_texts is not None:
        settings["n_texts"] = n_texts
    generator: PromptCorpusGenerator | OllamaCorpusGenerator
    if ollama is None:
        generator = PromptCorpusGenerator(**settings)
    else:
        settings |= {name: value for name, value in ollama_options.items() if value is not None}
        settings.setdefault("checkpoint", output.with_suffix(".captions.jsonl"))
        settings["verbose"] = int(shows_progress(quiet))
        generator = OllamaCorpusGenerator(ollama, **settings)
    corpus = generator.generate(vocabulary)
    if not len(corpus):
        raise click.ClickException("No caption is left; try another model or --label-policy.")
    corpus.save(output)
    if isinstance(generator, OllamaCorpusGenerator):
        report = generator.generation_report_
        note(
            f"{report['names_all']:,} captions mention all of the requested labels, "
            f"{report['names_some']:,} some, {report['names_none']:,} none.",
            quiet,
        )
    note(
        f"Wrote {output}: {count(len(corpus), 'text')} about {count(len(vocabulary), 'label')}.",
        quiet,
    )

"""The web page."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image
from sklearn.utils import Bunch

from .._typing import Encoder, LabelNames, Settings
from ..corpus import PromptCorpusGenerator
from ..datasets import load_emoji_scenes
from ..encoders import BUNDLED, BaseEncoder, OpenCLIPEncoder
from ..exceptions import install_command
from ..inputs import as_vocabulary, first_of_exclusive
from ._html import CSS, card, download_link, legend, mistake_note, numbered_spots, score_table
from ._input import Mistake, open_picture, parse_labels
from ._trainer import Trained, Trainer

if TYPE_CHECKING:
    import gradio

_MAX_PICTURES = 20
_EXAMPLES = (13, 25, 27, 31, 35, 8)  # bundled pictures, chosen by eye

_INTRO = """# Label images from words alone
Name the things you look for. A classifier learns them from *sentences*, in a few seconds and
without a single image, and then labels yours."""
_BUNDLED_NOTE = """> **This is the small model inside the package, {name}.** It knows pictograms of
> some hundred everyday things, not photos. For photos start the page with OpenAI's CLIP, which
> is downloaded once: `sklearn-tai web --encoder ViT-B-16`"""


class _Seen(NamedTuple):
    """An image with its scores, or the reason why its file cannot be used."""

    name: str
    picture: Image.Image | None = None
    proba: np.ndarray | None = None
    held: np.ndarray | None = None  # like proba, but without labels that another one excludes
    zero_shot: np.ndarray | None = None
    spots: np.ndarray | None = None  # (n_labels, 2): centre of each label, from 0 to 1
    mistake: str = ""


def make_app(
    encoder: Encoder | None = None, *, labels: LabelNames | None = None, n_texts: int = 1000
) -> gradio.Blocks:
    """Build the web page: labels and images in, scores out.

    Behind it, a :class:`~sklearn_tai.TextAsImageClassifier` learns from template texts
    about the visitor's labels. Their embeddings are reused for the same labels.

    Parameters
    ----------
    encoder : estimator or None, default=None
        Turns texts and images into embeddings; None for ``OpenCLIPEncoder("tai-tiny")``,
        the small model inside the package. Its weights are loaded at once.
    labels : sequence of str, mapping, Vocabulary or None, default=None
        The labels shown at first; None for those of
        :func:`~sklearn_tai.datasets.load_emoji_scenes`.
    n_texts : int, default=1000
        Texts to train on.

    Returns
    -------
    gradio.Blocks
        The page, not yet served. Use :func:`launch` to serve it.

    Raises
    ------
    ImportError
        If gradio is not installed (``pip install 'sklearn-tai[web]'``).
    ValueError
        If `labels` are repeated or blank, or the encoder's model is unknown.
    OSError
        If the weights are neither in the cache nor downloadable.

    Examples
    --------
    >>> from sklearn_tai.web import make_app
    >>> app = make_app(labels=["dog", "bicycle"])  # doctest: +SKIP
    """
    try:
        import gradio as gr
    except ImportError:
        raise ImportError(f"The web page needs gradio: {install_command('web')}") from None
    encoder = OpenCLIPEncoder(BUNDLED[0]) if encoder is None else encoder
    # fail here, not in front of a visitor, and load the model before the first one comes
    encoder.transform(["an image"])
    scenes = load_emoji_scenes()
    vocabulary = as_vocabulary(scenes.label_names if labels is None else labels)
    PromptCorpusGenerator(n_texts).generate(vocabulary)
    trainer = Trainer(encoder, n_texts)

    def score(
        label_text: str,
        pictures: list[tuple[str, str | None]] | None,
        noise: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, list[Settings]]:
        """Scores of the images for the labels, as HTML and as data."""
        try:
            names = parse_labels(label_text or "")
            if not pictures:
                raise Mistake("Please add an image: drop one above, or click an example.")
            if len(pictures) > _MAX_PICTURES:
                raise Mistake(
                    f"These are {len(pictures)} images. Please use up to {_MAX_PICTURES} at a "
                    "time."
                )
            trained, is_new = trainer.get(names, noise, progress)
        except Mistake as mistake:
            return mistake_note(str(mistake)), []
        seen = [
            _look(Path(path), trained, encoder)
            for path, _ in progress.tqdm(pictures, desc="Looking at the images")
        ]
        known = trained.zero_shot.classes_.tolist()
        is_any_read = any(one.picture is not None for one in seen)
        cut = trained.classifier.threshold_ if is_any_read else None
        cards = [_show(one, known, cut) for one in seen]
        when = f"encoded in {trained.seconds:.1f} seconds" if is_new else "encoded before"
        note = (
            f"{n_texts:,} sentences about {len(names)} labels, {when}; noise radius "
            f"{trained.radius:.1f}. {legend(cut, any(one.spots is not None for one in seen))}"
        )
        data = [_record(one, known, cut) for one in seen]
        link = download_link(json.dumps(data, ensure_ascii=False, indent=1))
        return f'<p class="note">{note} {link}</p><div class="cards">{"".join(cards)}</div>', data

    with gr.Blocks(
        title="Label images from words alone",
        analytics_enabled=False,
        delete_cache=(600, 3600),
    ) as app:
        gr.Markdown(_INTRO)
        gr.Markdown(_describe(encoder))
        with gr.Row():
            label_box = gr.Textbox(
                vocabulary.to_text(),
                label="Labels",
                info="One per line or separated by commas. With synonyms: car = car, automobile",
                min_width=320,
                lines=8,
                max_lines=8,
            )
            pictures = gr.Gallery(
                label="Images",
                file_types=["image"],
                interactive=True,
                columns=3,
                min_width=320,
                height=240,
                fit_columns=False,
                object_fit="contain",
                buttons=[],
            )
        with TemporaryDirectory() as folder:  # gradio copies the files
            gr.Examples(
                [[[path]] for path in _save_examples(scenes, Path(folder))],
                pictures,
                label="Examples",
                api_visibility="private",
            )
        with gr.Accordion("Advanced", open=False):
            noise = gr.Slider(
                0,
                2,
                1,
                step=0.1,
                label="Noise radius, as a multiple of the automatic one",
                info="How many sentences count: at 0 only the one nearest to the image, with a "
                "larger radius more of them. 1 suits most models.",
            )
        button = gr.Button("Label the images", variant="primary")
        results, data = gr.HTML(css_template=CSS), gr.JSON(visible=False)
        # progress appears in place of the results: clear the old ones first
        button.click(str, None, results, queue=False, api_visibility="private").then(
            score,
            [label_box, pictures, noise],
            [results, data],
            api_name="score",
            concurrency_limit=4,
        )
    return app


def _save_examples(scenes: Bunch, folder: Path) -> list[str]:
    """Save the example images, named after what they show."""
    paths = []
    for i in _EXAMPLES:
        shown = [name for name, there in zip(scenes.label_names, scenes.Y[i]) if there]
        paths.append(str(folder / f"{' and '.join(shown)}.png"))
        scenes.images[i].save(paths[-1])
    return paths


def _describe(encoder: Encoder) -> str:
    """Which model is loaded, and how to get a real one."""
    name = getattr(encoder, "model_name", type(encoder).__name__)
    if name in BUNDLED:
        return _BUNDLED_NOTE.format(name=name)
    weights = getattr(encoder, "pretrained", None)
    if weights is None or weights == "auto":
        return f"> Model: **{name}**"
    return f"> Model: **{name}**, weights {Path(weights).name}"


def _look(path: Path, trained: Trained, encoder: Encoder) -> _Seen:
    try:
        picture = open_picture(path)
    except Mistake as mistake:
        return _Seen(path.name, mistake=str(mistake))
    clf, spots = trained.classifier, None
    if isinstance(encoder, BaseEncoder):
        embedding = encoder.transform_regions([picture])
        if embedding.shape[1] > 1:
            frame = encoder.region_frame(*picture.size)
            spots = _spots(clf.predict_regions(embedding)[0], frame, picture.size)
    else:
        embedding = encoder.transform([picture])
    proba, zero_shot = clf.predict_proba(embedding), trained.zero_shot.predict_proba(embedding)
    held = first_of_exclusive(proba, clf.vocabulary_, clf.classes_)
    picture.thumbnail((360, 360))  # all pictures stay in memory until the last one is scored
    return _Seen(path.name, picture, proba[0], held[0], zero_shot[0], spots)


def _spots(
    maps: np.ndarray, frame: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
    """Centre of each label's best region, as shares of the image's width and height."""
    n_rows, n_columns, n_labels = maps.shape
    row, column = np.divmod(maps.reshape(-1, n_labels).argmax(axis=0), n_columns)
    left, upper, right, lower = frame
    x = left + (column + 0.5) / n_columns * (right - left)
    y = upper + (row + 0.5) / n_rows * (lower - upper)
    return np.clip(np.column_stack([x, y]) / size, 0, 1)


def _record(seen: _Seen, labels: list[str], cut: float | None) -> Settings:
    if seen.proba is None or seen.held is None:
        return {"picture": seen.name, "mistake": seen.mistake}
    return {
        "picture": seen.name,
        "labels": [label for label, p in zip(labels, seen.held) if p > (cut or 0)],
        "scores": {label: round(float(p), 4) for label, p in zip(labels, seen.proba)},
    }


def _show(seen: _Seen, labels: list[str], cut: float | None) -> str:
    if seen.proba is None or seen.held is None or seen.zero_shot is None or cut is None:
        return card(seen.name, None, mistake_note(seen.mistake))
    numbers: dict[int, int] = {}
    dots = ""
    named = [k for k in np.argsort(-seen.held, kind="stable") if seen.held[k] > cut]
    if seen.spots is not None:
        numbers, dots = numbered_spots(labels, seen.spots, named)
    table = score_table(labels, seen.proba, seen.zero_shot, named, numbers)
    return card(seen.name, seen.picture, table, dots)

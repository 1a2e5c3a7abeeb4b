"""Share a classifier on the Hugging Face hub: its folder and a model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .. import __version__
from ..classifier import TextAsImageClassifier
from ..encoders import hub_progress, hub_trouble
from ._loading import load_classifier
from ._persistence import CONFIG, save_classifier, weights_name

__all__ = ["from_pretrained", "push_to_hub"]

_CARD = """
# {name}

Finds these labels in images, any number of them in one: {labels}.

{description}It was trained on texts, alone or with a few images, with
sklearn-tai {version}: an adapter on the embeddings of a
frozen CLIP model, which is loaded from its publisher and has its own licence.

```python
from pathlib import Path
from sklearn_tai.deploy import from_pretrained

clf = from_pretrained("{repo_id}")
clf.inverse_transform(clf.predict([Path("photo.jpg")]))
```

| | |
|---|---|
| encoder | `{encoder}` |
| perturbation | `{perturbation}` |
| adapter | `{adapter}` |
{figures}
The folder contains JSON and safetensors, and no code.
"""


def push_to_hub(
    clf: TextAsImageClassifier,
    repo_id: str,
    *,
    license: str | None = None,
    description: str = "",
    metrics: Mapping[str, float] | None = None,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    verbose: int = 0,
) -> str:
    """Share a fitted classifier on the Hugging Face hub, with a model card.

    Parameters
    ----------
    clf : TextAsImageClassifier
        A fitted classifier; what :func:`save_classifier` cannot write cannot be shared.
    repo_id : str
        "organisation/name", created if needed.
    license : str or None, default=None
        The hub's short name of your licence, such as "bsd-3-clause" or "cc-by-4.0".
    description : str, default=""
        For the card: where the texts come from, what the classifier is good and bad at.
    metrics : mapping of str to float, or None, default=None
        For the card: what was measured, and on what, such as ``{"mAP on 200 photos": 0.74}``.
    private : bool or None, default=None
        Whether only you can see it; None for the hub's default.
    revision : str or None, default=None
        A branch; None for main.
    token : str or None, default=None
        None for the one of ``hf auth login``, or of the variable ``HF_TOKEN``.
    verbose : int, default=0
        0 is silent, 1 shows a bar of the upload.

    Returns
    -------
    str
        Its address.

    Raises
    ------
    OSError
        If the hub cannot be reached or refuses.
    NotFittedError, TypeError, ValueError
        As in :func:`save_classifier`.

    Examples
    --------
    >>> from sklearn_tai.deploy import push_to_hub
    >>> push_to_hub(clf, "me/beach-photos", license="cc-by-4.0")  # doctest: +SKIP
    'https://huggingface.co/me/beach-photos'
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with TemporaryDirectory() as folder:
        save_classifier(clf, folder)
        card = _card(clf, repo_id, license, description, metrics)
        Path(folder, "README.md").write_text(card, encoding="utf-8")
        with _explained(repo_id), hub_progress(verbose):
            url = api.create_repo(repo_id, private=private, exist_ok=True)
            if revision is not None:
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                revision=revision,
                delete_patterns=weights_name("*"),  # of an earlier upload
                commit_message=f"A classifier of sklearn-tai {__version__}",
            )
    return str(url)


def from_pretrained(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    verbose: int = 0,
    **options: Any,
) -> TextAsImageClassifier:
    """Load a classifier from the Hugging Face hub without running any code from it.

    Parameters
    ----------
    repo_id : str
        "organisation/name".
    revision : str or None, default=None
        A branch, tag or commit; None for main. A commit always gives the same classifier.
    token : str or None, default=None
        As in :func:`push_to_hub`.
    verbose : int, default=0
        0 is silent, 1 shows a bar of the download.
    **options : dict
        Passed to :func:`load_classifier`.

    Returns
    -------
    TextAsImageClassifier
        The fitted classifier.

    Raises
    ------
    OSError
        If the repository does not exist, or the hub cannot be reached and the classifier is
        not in the cache.
    ValueError
        As in :func:`load_classifier`.

    Examples
    --------
    >>> from sklearn_tai.deploy import from_pretrained
    >>> clf = from_pretrained("me/beach-photos")  # doctest: +SKIP
    """
    from huggingface_hub import snapshot_download

    with _explained(repo_id), hub_progress(verbose):
        folder = snapshot_download(
            repo_id, revision=revision, token=token, allow_patterns=[CONFIG, weights_name("*")]
        )
    return load_classifier(folder, **options)


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except HFValidationError as error:
        raise ValueError(f"repo_id={repo_id!r} is not a valid name on the hub: {error}") from None
    except Exception as error:  # the HTTP library depends on the version of huggingface_hub
        raise OSError(f"repo_id={repo_id!r}: {hub_trouble(error, repo_id)}") from error


def _card(
    clf: TextAsImageClassifier,
    repo_id: str,
    license: str | None,
    description: str,
    metrics: Mapping[str, float] | None,
) -> str:
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        license=license,
        library_name="sklearn-tai",
        pipeline_tag="image-classification",
        tags=["sklearn-tai", "multi-label", "clip"],
    )
    rows = [f"| {name} | {value:.4g} |" for name, value in (metrics or {}).items()]
    content = _CARD.format(
        name=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        labels=", ".join(f"`{label}`" for label in clf.classes_.tolist()),
        description=description and f"{description}\n\n",
        version=__version__,
        encoder=" ".join(repr(clf.encoder_).split()),
        perturbation=" ".join(repr(clf.perturbation).split()),
        adapter=" ".join(repr(clf.adapter).split()),
        figures="".join(f"{row}\n" for row in rows),
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n{content}"))

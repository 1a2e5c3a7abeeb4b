"""Files from the Hugging Face hub: cached ones if undamaged, else downloaded."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..exceptions import WeightsError
from ._cache import hash_file
from ._source import ModelSource

_ANSWER_SECONDS = 5.0  # a reachable hub answers sooner; without a network, nothing does


def hub_file(
    source: ModelSource,
    repo: str,
    names: Sequence[str],
    *,
    revision: str | None = None,
    verbose: int = 0,
) -> Path:
    """The first of `names` that the repository has.

    Cached files are used without asking the hub. They are named after their SHA-256, so that
    damaged ones are recognised and downloaded again.

    Parameters
    ----------
    source : ModelSource
        What the user asked for, for messages.
    repo : str
        The repository, "organisation/name".
    names : sequence of str
        Names of files, the preferred one first.
    revision : str or None, default=None
        A commit; None for the newest, or the cached one.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Returns
    -------
    Path
        The file in the cache.

    Raises
    ------
    WeightsError
        If the file is not cached and cannot be downloaded.
    """
    from huggingface_hub import (
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    damaged: list[Path] = []
    try:
        for name in names:
            cached = try_to_load_from_cache(repo, name, revision=revision)
            if isinstance(cached, str):
                if _is_whole(Path(cached)):
                    return Path(cached)
                damaged.append(Path(cached))
        with hub_progress(verbose):
            for name in names:
                try:
                    # one request without retries, to learn soon what is wrong
                    url = hf_hub_url(repo, name, revision=revision)
                    seconds = os.environ.get("HF_HUB_ETAG_TIMEOUT", _ANSWER_SECONDS)
                    get_hf_file_metadata(url, timeout=float(seconds))
                except EntryNotFoundError:
                    continue
                file = hf_hub_download(repo, name, revision=revision, force_download=bool(damaged))
                return Path(file)
    except HFValidationError as error:
        raise WeightsError(
            f"{cannot_load(source.asked)} {repo!r} cannot be the name of a repository. Give it as "
            "hf-hub:organisation/name."
        ) from error
    except Exception as error:  # the HTTP library depends on the version of huggingface_hub
        trouble = hub_trouble(error, repo, source.instead, damaged)
        raise WeightsError(f"{cannot_load(source.asked)} {trouble}") from error
    raise WeightsError(
        f"{cannot_load(source.asked)} the repository {repo!r} has none of the files "
        f"{', '.join(names)}. It may hold a model of another library; open_clip's are at "
        "https://huggingface.co/models?library=open_clip."
    )


def hub_repo(file: Path) -> str | None:
    """The repository of a file in the hub's cache; None for other files."""
    for part in file.parts:
        if match := re.fullmatch(r"models--(.+?)--(.+)", part):
            return "/".join(match.groups())
    return None


def _is_whole(file: Path) -> bool:
    """Whether a large file in the cache matches the hash in its name."""
    name = file.resolve().name
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        return True  # a small file, or a cache without links: no hash to compare
    digest = hashlib.sha256()
    hash_file(digest, file)
    return digest.hexdigest() == name


@contextmanager
def hub_progress(verbose: int) -> Iterator[None]:
    """Show the hub client's bars if `verbose`; its log and warnings only repeat the error."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )

    level, hidden = logging.get_verbosity(), are_progress_bars_disabled()
    logging.set_verbosity_error()
    if not verbose and not hidden:
        disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if not verbose and not hidden:
            enable_progress_bars()


def cannot_load(asked: str) -> str:
    """The beginning of all messages about weights."""
    return f"The weights of {asked} cannot be loaded:"


def hub_trouble(
    error: Exception, repo: str, instead: str = "", damaged: Sequence[Path] = ()
) -> str:
    """What went wrong with the hub, and the remedy.

    Parameters
    ----------
    error : Exception
        The error of the hub's client.
    repo : str
        The repository.
    instead : str, default=""
        A remedy that needs no network, as the end of a sentence.
    damaged : sequence of Path, default=()
        Cached files that had to be downloaded again.

    Returns
    -------
    str
        Two sentences.
    """
    from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    again = "Try again later"
    if isinstance(error, OfflineModeIsEnabled):
        cause = "HF_HUB_OFFLINE forbids asking the hub"
        if damaged:
            cause += f", and what is in the cache is damaged ({damaged[0]})"
        remedy = f"Unset HF_HUB_OFFLINE once{instead}"
    elif isinstance(error, GatedRepoError):
        cause = f"{repo!r} is for people who accepted its terms (status {status})"
        remedy = (
            f"Accept them at {ENDPOINT}/{repo}, then log in with 'hf auth login' or set HF_TOKEN"
        )
    elif status in (401, 403, 404):
        cause = f"{ENDPOINT} has no {repo!r}, or keeps it private (status {status})"
        remedy = "Check the name; for a private one log in with 'hf auth login' or set HF_TOKEN"
    elif status == 429:
        cause = f"{ENDPOINT} accepts no more requests for now (status 429)"
        remedy = "Wait a few minutes, or set HF_TOKEN, which allows more"
    elif isinstance(error, HfHubHTTPError):
        cause = f"{ENDPOINT} failed (status {status})"
        remedy = again
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        cause = f"no space is left in {HF_HUB_CACHE}"
        remedy = "Free some space, or set HF_HUB_CACHE to a folder on a larger disk"
    elif isinstance(error, PermissionError):
        cause = f"{error.filename or HF_HUB_CACHE} is not writable"
        remedy = "Set HF_HUB_CACHE to a folder that you can write to"
    elif isinstance(error, OSError) and "onsistency check" in str(error):
        cause = f"the download of {repo!r} was interrupted"
        remedy = again
    else:  # no connection, or a broken one
        message = " ".join(str(error).split()) or type(error).__name__
        cause = f"{ENDPOINT} cannot be reached, or stopped answering ({message})"
        remedy = f"Connect to the network once{instead}"
    return f"{cause}. {remedy}."

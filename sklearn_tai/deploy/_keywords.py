"""Keywords where photo software reads them: in XMP sidecars or in the photos themselves."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..exceptions import install_command
from ..storage import whole_file

__all__ = ["remove_keywords", "write_keywords"]

_SUBJECT, _HIERARCHY = "Xmp.dc.subject", "Xmp.lr.hierarchicalSubject"
_IPTC, _IPTC_CHARSET, _UTF8 = "Iptc.Application2.Keywords", "Iptc.Envelope.CharacterSet", "\x1b%G"
_ROOT = "sklearn-tai|"  # marks our keywords in the hierarchy
_IPTC_SUFFIXES = (".jpg", ".jpeg", ".tif", ".tiff")
_IPTC_BYTES = 64


def write_keywords(
    photo: str | Path, keywords: Iterable[str], *, embed: bool = False, dry_run: bool = False
) -> bool:
    """Write keywords that Lightroom, digiKam, darktable, immich and others read.

    They replace the keywords of an earlier call; the photo's other keywords stay. They go
    to ``dc:subject``, and also to ``lr:hierarchicalSubject`` below ``sklearn-tai``, which
    marks them as ours. A keyword that the photo already has is not marked.

    Parameters
    ----------
    photo : str or Path
        A file.
    keywords : iterable of str
        What the photo shows, such as the labels from ``predict``.
    embed : bool, default=False
        Whether to write into the photo itself (JPEG, PNG, WebP, TIFF; in JPEG and TIFF also
        as IPTC keywords) instead of the sidecar ``photo.jpg.xmp``. Pixels and other
        metadata stay as they are. A new file is written and then replaces the old one, so
        the photo survives if the process dies.
    dry_run : bool, default=False
        Whether to change nothing.

    Returns
    -------
    bool
        Whether anything changed, or would.

    Raises
    ------
    FileNotFoundError
        If the photo does not exist.
    ValueError
        If the photo or its sidecar cannot be read, or its format does not support keywords.
    ImportError
        If exiv2 is not installed (``pip install 'sklearn-tai[photos]'``).

    See Also
    --------
    remove_keywords : Removes them again.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from PIL import Image
    >>> from sklearn_tai.deploy import remove_keywords, write_keywords
    >>> photo = Path(mkdtemp(), "photo.jpg")
    >>> Image.new("RGB", (32, 32)).save(photo)
    >>> write_keywords(photo, ["dog", "beach"])
    True
    >>> [file.name for file in sorted(photo.parent.iterdir())]
    ['photo.jpg', 'photo.jpg.xmp']
    >>> remove_keywords(photo)
    True
    """
    exiv2, photo = _exiv2(), Path(photo)
    if not photo.is_file():
        raise FileNotFoundError(f"There is no photo {str(photo)!r}.")
    target = photo if embed else photo.with_name(photo.name + ".xmp")
    with_iptc = embed and photo.suffix.lower() in _IPTC_SUFFIXES
    exists, sidecar = target.exists(), exiv2.ImageType.xmp
    image = _opened(exiv2, target) if exists else exiv2.ImageFactory.create(sidecar)
    if not _change(image, list(dict.fromkeys(keywords)), with_iptc):
        return False
    if dry_run:
        return True
    if not embed and image.xmpData().empty():
        target.unlink()
        return True
    with whole_file(target) as draft:
        if exists:
            shutil.copy2(target, draft)
            written = _opened(exiv2, draft)
        else:
            written = exiv2.ImageFactory.create(sidecar, str(draft))
        written.setXmpData(image.xmpData())
        if with_iptc:
            written.setIptcData(image.iptcData())
        try:
            written.writeMetadata()
        except exiv2.Exiv2Error as error:
            raise ValueError(
                f"{str(target)!r} takes no keywords ({error.args[-1]}). Write a sidecar instead."
            ) from None
    return True


def remove_keywords(photo: str | Path, *, embed: bool = False, dry_run: bool = False) -> bool:
    """Remove the keywords that :func:`write_keywords` wrote, and no others.

    A sidecar with nothing else in it is deleted.

    Parameters
    ----------
    photo : str or Path
        A file.
    embed : bool, default=False
        Whether they are in the photo itself.
    dry_run : bool, default=False
        Whether to change nothing.

    Returns
    -------
    bool
        Whether there were any.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As in :func:`write_keywords`.
    """
    return write_keywords(photo, (), embed=embed, dry_run=dry_run)


def _exiv2() -> Any:
    try:
        import exiv2
    except ImportError:
        raise ImportError(f"Keywords need exiv2: {install_command('photos')}") from None
    return exiv2


def _opened(exiv2: Any, path: Path) -> Any:
    try:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
    except exiv2.Exiv2Error as error:
        raise ValueError(
            f"The metadata of {str(path)!r} cannot be read ({error.args[-1]}), so it is left "
            "alone. Repair or remove the file."
        ) from None
    return image


def _change(image: Any, keywords: list[str], with_iptc: bool) -> bool:
    """Replace our keywords, in memory; returns whether that changed anything."""
    xmp = image.xmpData()
    hierarchy, subject = _values(xmp, _HIERARCHY), _values(xmp, _SUBJECT)
    iptc = image.iptcData() if with_iptc else ()
    in_iptc = [datum.toString() for datum in iptc if datum.key() == _IPTC]
    ours = {path.removeprefix(_ROOT) for path in hierarchy if path.startswith(_ROOT)}
    owners = {word for word in subject + in_iptc if _leaf(word) not in ours}
    new = [word for word in keywords if word not in owners]
    subject_now = [word for word in subject if word in owners] + new
    hierarchy_now = [path for path in hierarchy if not path.startswith(_ROOT)]
    hierarchy_now += [_ROOT + _leaf(word) for word in new]
    for key, values in ((_SUBJECT, subject_now), (_HIERARCHY, hierarchy_now)):
        if values:
            xmp[key] = values
        elif key in xmp:
            del xmp[key]
    if with_iptc:
        _change_iptc(iptc, {word for word in in_iptc if word not in owners}, new)
    return (subject_now, hierarchy_now) != (subject, hierarchy)


def _change_iptc(iptc: Any, old: set[str], new: list[str]) -> None:
    """The same for IPTC, as far as its character set and length allow."""
    is_utf8 = iptc.empty() or any(
        datum.key() == _IPTC_CHARSET and datum.toString() == _UTF8 for datum in iptc
    )
    position = iptc.begin()
    while position != iptc.end():  # leave the owner's untouched: their charset may differ
        if position.key() == _IPTC and position.toString() in old.difference(new):
            position = iptc.erase(position)
        else:
            next(position)
    for word in new:
        fits = len(word.encode()) <= _IPTC_BYTES and (is_utf8 or word.isascii())
        if fits and word not in old:
            if is_utf8:
                iptc[_IPTC_CHARSET] = _UTF8
            _add(iptc, word)


def _add(iptc: Any, word: str) -> None:
    exiv2 = _exiv2()
    datum = exiv2.Iptcdatum(exiv2.IptcKey(_IPTC))
    datum.setValue(word)
    iptc.add(datum)


def _values(xmp: Any, key: str) -> list[str]:
    return list(map(str, xmp[key].value())) if key in xmp else []


def _leaf(word: str) -> str:
    """A keyword without "|", which separates the levels of a hierarchy."""
    return word.replace("|", "/")

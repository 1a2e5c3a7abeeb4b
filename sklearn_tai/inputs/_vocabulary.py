"""Names of labels, and how labels relate to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from .._typing import LabelNames, Settings
from ..storage import whole_file
from ._label_lists import check_labels, checked, read_labels, read_utf8, write_labels


class Vocabulary(Mapping[str, tuple[str, ...]]):
    """Labels with their synonyms, groups and exclusions.

    It is a mapping of labels to names. Wherever you pass labels, you can also pass a list,
    or a plain mapping of labels to names; use this class for groups, exclusions and files.

    Parameters
    ----------
    labels : sequence of str, or mapping of str to sequence of str
        The labels, or each label with the names that texts use for it. In a list each label
        is its own name. A group may have no name, so that texts only mention its members.
    groups : mapping of str to sequence of str, default=None
        The members of each group. A group is a label too, which is present if a member is,
        and may itself be a member. Groups that are not among `labels` come after them, and
        are their own names.
    exclusive : sequence of sequences of str, default=()
        Labels that exclude each other: an image has at most one of them.

    Attributes
    ----------
    groups : dict of str to tuple of str
        As given.
    exclusive : tuple of tuples of str
        As given.

    Raises
    ------
    ValueError
        If labels or names are missing, blank or repeated, a name is that of two labels, or
        a group or exclusion has unknown or contradictory labels.
    TypeError
        If there is a single str where a list is expected.

    See Also
    --------
    Corpus : Texts that know their vocabulary and pass it on to the classifier.

    Notes
    -----
    Files and texts have these kinds of lines; ``#`` starts a comment::

        bus, bicycle               # labels, one per line or separated by commas
        car = car, automobile      # a label and all its names
        vehicle: car, bus          # a group and its members
        day | night                # of these one at most

    Examples
    --------
    >>> from sklearn_tai.corpus import Vocabulary
    >>> labels = {"car": ["car", "automobile"], "bus": ["bus"], "day": ["day"], "night": ["night"]}
    >>> vocabulary = Vocabulary(labels, groups={"vehicle": ["car", "bus"]},
    ...                         exclusive=[["day", "night"]])
    >>> list(vocabulary), vocabulary["car"]
    (['car', 'bus', 'day', 'night', 'vehicle'], ('car', 'automobile'))
    >>> print(vocabulary.to_text())
    car = car, automobile
    bus
    day
    night
    vehicle
    vehicle: car, bus
    day | night
    """

    groups: dict[str, tuple[str, ...]]
    exclusive: tuple[tuple[str, ...], ...]

    def __init__(
        self,
        labels: LabelNames,
        *,
        groups: Mapping[str, Sequence[str]] | None = None,
        exclusive: Sequence[Sequence[str]] = (),
    ) -> None:
        groups = groups or {}
        if isinstance(labels, Vocabulary):
            groups, exclusive = {**labels.groups, **groups}, (*labels.exclusive, *exclusive)
        names: dict[str, Any] = (
            dict(labels)
            if isinstance(labels, Mapping)
            else {label: [label] for label in check_labels(labels)}
        )
        names |= {group: [group] for group in groups if group not in names}
        check_labels(list(names))
        self._names = {
            label: () if label in groups and not list(own) else checked(own, f"labels[{label!r}]")
            for label, own in names.items()
        }
        self._check_names()
        self.groups = {
            group: self._known(own, f"groups[{group!r}]") for group, own in groups.items()
        }
        self._below: dict[str, frozenset[str]] = {}
        for group in self.groups:
            self._find_below(group, ())
        if isinstance(exclusive, str):
            raise TypeError(f"exclusive is the single str {exclusive!r}; give lists of labels.")
        self.exclusive = tuple(
            self._known(own, f"exclusive[{i}]") for i, own in enumerate(exclusive)
        )
        for i, own in enumerate(self.exclusive):
            self._check_exclusive(own, f"exclusive[{i}]")

    def __getitem__(self, label: str) -> tuple[str, ...]:
        return self._names[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return list(self) == list(other) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        labels, *others = self.to_dict().items()
        return f"Vocabulary({', '.join([repr(labels[1]), *(f'{k}={v!r}' for k, v in others)])})"

    def __or__(self, other: Vocabulary) -> Vocabulary:
        """Join the labels, names, groups and exclusions of both."""
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return Vocabulary(
            _joined(self, other),
            groups=_joined(self.groups, other.groups),
            exclusive=list(dict.fromkeys(self.exclusive + other.exclusive)),
        )

    def below(self, label: str) -> frozenset[str]:
        """All labels in a group, including those of its subgroups.

        Parameters
        ----------
        label : str
            A label.

        Returns
        -------
        frozenset of str
            Its members, and theirs; empty if it is not a group.
        """
        return self._below.get(label, frozenset())

    def to_dict(self) -> Settings:
        """The parameters, ready for JSON.

        Returns
        -------
        dict
            ``Vocabulary(**dict)`` recreates it. Labels are a list if each is its own name.
        """
        plain = all(names == (label,) for label, names in self.items())
        labels = list(self) if plain else {label: list(names) for label, names in self.items()}
        groups = {group: list(members) for group, members in self.groups.items()}
        found = {"labels": labels, "groups": groups, "exclusive": list(map(list, self.exclusive))}
        return {key: value for key, value in found.items() if value or key == "labels"}

    def to_text(self) -> str:
        """The text that :meth:`from_text` reads.

        Returns
        -------
        str
            Lines.

        Raises
        ------
        ValueError
            If a label or name contains a separator, such as a comma.
        """
        return write_labels(self, self.groups, self.exclusive)

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """Read labels, their names, groups and exclusions (see Notes of the class).

        Parameters
        ----------
        text : str
            Lines.

        Returns
        -------
        Vocabulary
            Labels in the order of the text.

        Raises
        ------
        ValueError
            If there are no labels, or a line is none of the four kinds or contradicts another.
        """
        names, groups, exclusive = read_labels(text)
        return cls(names, groups=groups, exclusive=exclusive)

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a file of labels, in UTF-8 (see Notes of the class).

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Vocabulary
            Labels in the order of the file.

        Raises
        ------
        ValueError
            As in :meth:`from_text`, or if the file is not in UTF-8.
        """
        with open(path, encoding="utf-8-sig") as file:
            text = read_utf8(file)
        try:
            return cls.from_text(text)
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write a file that :meth:`load` reads.

        Parameters
        ----------
        path : str or Path
            The file, by convention ``*.txt``.
        """
        with whole_file(path) as draft:
            draft.write_text(self.to_text() + "\n", encoding="utf-8")

    def _check_names(self) -> None:
        label_of: dict[str, str] = {}
        for label, names in self.items():
            for name in names:
                if (other := label_of.setdefault(name, label)) != label:
                    raise ValueError(
                        f"{name!r} is a name of {other!r} and of {label!r}; leave it to one of "
                        "them, or make one a group of the other."
                    )

    def _known(self, given: Sequence[str], where: str) -> tuple[str, ...]:
        labels = checked(given, where)
        unknown = [label for label in labels if label not in self]
        if unknown:
            raise ValueError(
                f"{where} contains {unknown}, which are not labels; the labels are "
                f"{list(self)[:10]}. Add them to labels, or correct the spelling."
            )
        return labels

    def _find_below(self, group: str, above: tuple[str, ...]) -> frozenset[str]:
        if group in above:
            raise ValueError(
                f"groups contains a cycle, {' > '.join([*above, group])}; remove one of them."
            )
        if group in self.groups and group not in self._below:
            members = self.groups[group]
            below = [self._find_below(member, (*above, group)) for member in members]
            self._below[group] = frozenset(members).union(*below)
        return self.below(group)

    def _check_exclusive(self, labels: tuple[str, ...], where: str) -> None:
        if len(labels) < 2:
            raise ValueError(f"{where} is {list(labels)}; give two labels or more.")
        for one, other in combinations(labels, 2):
            both = self.below(one).union([one]) & self.below(other).union([other])
            if both:
                raise ValueError(
                    f"{where} contains {one!r} and {other!r}, but {min(both)!r} is in both, so it "
                    "could never be present. Remove one of them."
                )


def _joined(
    one: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    return {
        key: list(dict.fromkeys([*one.get(key, ()), *other.get(key, ())]))
        for key in {**one, **other}
    }

"""Names tables: what a model's arrays are called in published weights. One table serves for loading and for saving.

A table has a row for each part of a model: the beginning of our names, and the beginning of theirs. The rest of a name, such as
`weight`, is the same on both sides, and so is a number, for which `*` stands. There are three kinds of rows:

    "layers.*.linear1.": "layer.*.intermediate.dense."      renamed
    "layers.*.linear1.": Turned("h.*.mlp.c_fc.")            theirs is (in, out), ours (out, in)
    "layers.*.in_proj_": ("layer.*.q.", "layer.*.k.", ..)   ours has the rows of all theirs, in turn
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, TypeAlias

import numpy

from minitransformer.autograd import Tensor
from minitransformer.files import one_line
from minitransformer.nn import Module

OLDER = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
}  # in files of 2018 and 2019


@dataclass(frozen=True)
class Turned:
    """Published matrices that are (in, out); ours are their transposes.

    Args:
        beginning: the beginning of their names.
    """

    beginning: str


Row: TypeAlias = str | tuple[str, ...] | Turned  # the published side of one


class Place(NamedTuple):
    """Where the numbers of one of our arrays stand in published weights.

    Attributes:
        names: the published names, of which ours has the rows in turn.
        turned: whether a published matrix is the transpose of ours.
    """

    names: tuple[str, ...]
    turned: bool

    def ours(self, published: list[numpy.ndarray]) -> numpy.ndarray:
        """Our array.

        Args:
            published: the published arrays, in the order of `names`.

        Returns:
            The array, contiguous.
        """
        whole = published[0] if len(published) == 1 else numpy.concatenate(published)
        return numpy.ascontiguousarray(whole.T) if self.turned else whole

    def theirs(self, array: numpy.ndarray) -> dict[str, numpy.ndarray]:
        """The published arrays.

        Args:
            array: our array.

        Returns:
            Array by published name.
        """
        whole = array.T if self.turned else array
        return dict(zip(self.names, numpy.split(whole, len(self.names)), strict=True))


@dataclass(frozen=True)
class Names:
    """The names table of a model.

    Args:
        rows: beginning of our names -> beginning of the published names, or several; see above. The first row that fits counts.
        spare: beginnings of published names that change no output; `*` stands for a number. They are not read.
        repeats: published name -> the published name of the same numbers, for those that a file may hold twice.
        defaults: published name -> the published name of the numbers that are read where a file leaves the first out.
        root: the beginning that some files leave out of all published names, such as "transformer.".
    """

    rows: Mapping[str, Row]
    spare: tuple[str, ...] = ()
    repeats: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)

    def within(self, ours: str, theirs: str, rows: Mapping[str, Row]) -> Self:
        """The table of a model of which this one's model is a part.

        Args:
            ours: what stands before our names of this part.
            theirs: what stands before its published names; files may leave it out.
            rows: the rows of the other parts.

        Returns:
            The table.
        """
        inner = {ours + mine: _after(theirs, row) for mine, row in self.rows.items()}
        repeats = {theirs + name: theirs + other for name, other in self.repeats.items()}
        defaults = {theirs + name: theirs + other for name, other in self.defaults.items()}
        spare = tuple(theirs + name for name in self.spare)
        return replace(
            self,
            rows={**rows, **inner},
            spare=spare,
            repeats=repeats,
            root=theirs + self.root,
            defaults=defaults,
        )

    def but(self, spare: tuple[str, ...] = (), repeats: Mapping[str, str] | None = None) -> Self:
        """This table, with more names that may be passed over.

        Args:
            spare: more beginnings of names that change no output.
            repeats: more names of numbers that a file may hold twice.

        Returns:
            The table.
        """
        return replace(self, spare=self.spare + spare, repeats={**self.repeats, **(repeats or {})})

    def place(self, name: str) -> Place:
        """Where the numbers of one of our arrays stand.

        Args:
            name: our name.

        Returns:
            The place.

        Raises:
            KeyError: if no row fits.
        """
        for mine, published in self.rows.items():
            if fits := re.match(_pattern(mine), name):
                rest = name[fits.end() :]
                number = "".join(fits.groups()[:1])
                names = tuple(part.replace("*", number) + rest for part in _parts(published))
                return Place(names, isinstance(published, Turned))
        raise KeyError(f"{name}: the names table has no row for it")

    def read(self, model: Module, arrays: Mapping[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
        """The state dict of a model, from published weights.

        Args:
            model: the model. Of a shared array, one of its names is enough.
            arrays: array by published name; each is asked for once.

        Returns:
            Array by our name.

        Raises:
            ValueError: if arrays are missing or left, or those that repeat others differ from them; the message names them.
        """
        own = model.state_dict(keep_vars=True)
        places = {name: self.place(name) for name in own}
        known = {theirs for place in places.values() for theirs in place.names}
        found = self._found(arrays, known)
        found |= {name: found[other] for name, other in self._left_out(known, found)}
        whole = {name: place for name, place in places.items() if found.keys() >= set(place.names)}
        self._check_missing(own, places, whole, found)
        return {
            name: place.ours([arrays[found[theirs]] for theirs in place.names])
            for name, place in whole.items()
        }

    def write(self, model: Module, source: Collection[str] = ()) -> dict[str, numpy.ndarray]:
        """Published weights, from a model. A shared array is written once, under the first of its names.

        What the file that the model is from left out, as numbers that stand there under another name, is left out again, unless
        it has learned to differ from them.

        Args:
            model: the model.
            source: the published names of that file; none if it is from no file.

        Returns:
            Array by published name.
        """
        first = {id(t): (name, t) for name, t in reversed(model.state_dict(keep_vars=True).items())}
        published: dict[str, numpy.ndarray] = {}
        for name, t in reversed(first.values()):
            published |= self.place(name).theirs(t.detach().numpy())
        for name, other in self._left_out(published.keys(), source):
            if numpy.array_equal(published[name], published[other]):
                del published[name]
        return published

    def _found(self, arrays: Mapping[str, numpy.ndarray], known: set[str]) -> dict[str, str]:
        """Published name -> the name that the file has for it. Raises ValueError for arrays that the model has not."""
        found: dict[str, str] = {}
        left = []
        for name in arrays:
            proper = next((n for n in self._spellings(name) if n in known or n in self.repeats), name)
            if proper not in found and (proper in known or self.repeats.get(proper) in known):
                found[proper] = name
            elif not self._is_spare(name):
                left.append(name)
        if left:
            raise ValueError(f"expected the weights of this model only, got also {listed(left)}")
        for name in self.repeats.keys() & found.keys():
            self._check_equal(arrays, found, name)
            found.setdefault(self.repeats[name], found.pop(name))
        return found

    def _left_out(self, known: Set[str], found: Collection[str]) -> list[tuple[str, str]]:
        """Names that the file leaves out, each with the one that is read in its place."""
        defaults = self.defaults.items()
        return [
            (name, other)
            for name, other in defaults
            if name in known and name not in found and other in found
        ]

    def _spellings(self, name: str) -> Iterator[str]:
        """A file's name, and what it may mean."""
        newer = name
        for old, new in OLDER.items():
            newer = newer.removesuffix(old) + new if newer.endswith(old) else newer
        yield from (name, newer, self.root + newer)

    def _is_spare(self, name: str) -> bool:
        return any(re.match(_pattern(spare), n) for spare in self.spare for n in self._spellings(name))

    def _check_equal(self, arrays: Mapping[str, numpy.ndarray], found: Mapping[str, str], name: str) -> None:
        """Raise ValueError unless a name that repeats another has its numbers."""
        other = self.repeats[name]
        if other in found and not numpy.array_equal(arrays[found[name]], arrays[found[other]]):
            raise ValueError(
                f"expected {name} to equal {other}, as this model ties them, got different weights"
            )

    @staticmethod
    def _check_missing(
        own: Mapping[str, Tensor],
        places: Mapping[str, Place],
        whole: Mapping[str, Place],
        found: Mapping[str, str],
    ) -> None:
        """Raise ValueError if an array has no place in the file under any of its names."""
        there = {id(own[name]) for name in whole}
        absent = [
            theirs
            for name, place in places.items()
            if id(own[name]) not in there
            for theirs in place.names
            if theirs not in found
        ]
        if absent:
            raise ValueError(
                f"expected also {listed(absent)}, got no such weights; are family and size right?"
            )


def _parts(row: Row) -> tuple[str, ...]:
    """The beginnings of names in a row."""
    if isinstance(row, tuple):
        return row
    return (row.beginning if isinstance(row, Turned) else row,)


def _after(beginning: str, row: Row) -> Row:
    """The row whose published names have another beginning before them."""
    if isinstance(row, tuple):
        return tuple(beginning + part for part in row)
    return Turned(beginning + row.beginning) if isinstance(row, Turned) else beginning + row


def _pattern(beginning: str) -> str:
    """A regular expression in which `*` stands for a number."""
    return re.escape(beginning).replace(r"\*", r"(\d+)")


def listed(names: Iterable[str]) -> str:
    """The first three of some names, and how many more there are.

    Args:
        names: the names.

    Returns:
        "a, b, c and 2 more".
    """
    every = list(names)
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(map(one_line, every[:3])) + more

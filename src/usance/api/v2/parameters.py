"""What a query may say: parameters as data, which read requests and describe themselves to OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from usance.api.errors import RefusedError
from usance.config.instants import parse_instant

Document = dict[str, Any]

LONGEST: Final = 255  # characters of an id, a name, a flavor: what OpenStack takes
MOST_NAMED: Final = 100  # values of one parameter

_TEXT: Final[Document] = {"type": "string", "maxLength": LONGEST}
_ID: Final[Document] = {"type": "string", "minLength": 1, "maxLength": LONGEST}

_INTEGER: Final = re.compile(r"[0-9]{1,19}\Z")
# Where somebody wrote "+02:00" into an address as it is, the plus came as a space.
_LOST_PLUS: Final = re.compile(r"(T[0-9:.,]+) ([0-9]{2}:?[0-9]{2})\Z")
_SHOWN: Final = 60  # characters of what was wrong


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a query, and how its text is read."""

    name: str
    text: str  # what it means, as the description of the API tells it
    schema: Document  # of one value, as JSON Schema
    read: Callable[[str], Any]  # raises ValueError, with what follows "name: " in a sentence
    repeated: bool = False  # it may be given several times; its value is a tuple then
    required: bool = False

    def described(self) -> Document:
        """Return the parameter as OpenAPI has it."""
        schema = self.schema
        if self.repeated:
            schema = {"type": "array", "items": schema, "maxItems": MOST_NAMED}
        found: Document = {"name": self.name, "in": "query", "description": self.text, "schema": schema}
        if self.repeated:
            found |= {"style": "form", "explode": True}
        return found | {"required": self.required}


def read_query(parameters: Sequence[Parameter], given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what a query says, by parameter; what it says nothing of is absent.

    A repeated one is a tuple. Raises RefusedError (400) for a parameter that there is not, is missing,
    is given twice, or can't be read: what is misspelt must not be answered with something else.
    """
    known = {one.name: one for one in parameters}
    texts: dict[str, list[str]] = {}
    for name, text in given:
        if name not in known:
            raise RefusedError(
                400, f"there is no parameter {_shown(name)}", hint="known are " + ", ".join(sorted(known))
            )
        texts.setdefault(name, []).append(text)
    missing = [one.name for one in parameters if one.required and one.name not in texts]
    if missing:
        raise RefusedError(400, f"the parameter {missing[0]} is missing", hint=known[missing[0]].text)
    return {name: _value(known[name], own) for name, own in texts.items()}


def _value(parameter: Parameter, texts: list[str]) -> Any:
    most = MOST_NAMED if parameter.repeated else 1
    if len(texts) > most:
        times = "once" if most == 1 else f"{most} times"
        raise RefusedError(400, f"the parameter {parameter.name} may be given {times}, not more")
    try:
        values = tuple(parameter.read(text) for text in texts)
    except ValueError as error:
        raise RefusedError(400, f"{parameter.name}: {error}", hint=parameter.text) from None
    return values if parameter.repeated else values[0]


def _shown(text: str) -> str:
    return repr(text[:_SHOWN])


# --- how texts are read ----------------------------------------------------------------------


def read_text(text: str) -> str:
    """Return a text that can be a name."""
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} characters")
    return text


def read_id(text: str) -> str:
    """Return a text that can be an id."""
    if not text:
        raise ValueError("it is empty")
    return read_text(text)


def read_instant(text: str) -> datetime:
    """Return an instant: ISO 8601, an offset is respected, none is UTC."""
    return parse_instant(_LOST_PLUS.sub(r"\1+\2", text))


def read_switch(text: str) -> bool:
    """Return what is true or false."""
    if text not in {"true", "false"}:
        raise ValueError(f"{_shown(text)} is neither true nor false")
    return text == "true"


def read_one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """Return how to read one of some words."""
    known = frozenset(choices)

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"{_shown(text)} is none of {', '.join(choices)}")
        return text

    return read


def read_words(choices: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Return how to read some words with commas between them."""
    one_of = read_one_of(choices)
    return lambda text: tuple(one_of(word) for word in text.split(","))


def read_integer(least: int, most: int) -> Callable[[str], int]:
    """Return how to read a whole number within bounds."""

    def read(text: str) -> int:
        if not _INTEGER.match(text):
            raise ValueError(f"{_shown(text)} is no whole number from {least} to {most}")
        if not least <= int(text) <= most:
            raise ValueError(f"{text} is not from {least} to {most}")
        return int(text)

    return read


# --- parameters of each kind -----------------------------------------------------------------


def ids(name: str, text: str) -> Parameter:
    """Return a parameter that is any number of ids."""
    return Parameter(name, text, _ID, read_id, repeated=True)


def one_id(name: str, text: str) -> Parameter:
    """Return a parameter that is an id."""
    return Parameter(name, text, _ID, read_id)


def texts(name: str, text: str) -> Parameter:
    """Return a parameter that is any number of names, of which one may be empty."""
    return Parameter(name, text, _TEXT, read_text, repeated=True)


def text(name: str, text: str) -> Parameter:
    """Return a parameter that is a name."""
    return Parameter(name, text, _TEXT, read_text)


def instant(name: str, text: str, *, required: bool = False) -> Parameter:
    """Return a parameter that is a moment."""
    return Parameter(name, text, {"type": "string", "format": "date-time"}, read_instant, required=required)


def switch(name: str, text: str, *, default: bool | None = None) -> Parameter:
    """Return a parameter that is true or false."""
    schema: Document = {"type": "boolean"}
    if default is not None:
        schema["default"] = default
    return Parameter(name, text, schema, read_switch)


def one_of(name: str, text: str, choices: Sequence[str], *, default: str | None = None) -> Parameter:
    """Return a parameter that is one of some words."""
    schema: Document = {"type": "string", "enum": list(choices)}
    if default is not None:
        schema["default"] = default
    return Parameter(name, text, schema, read_one_of(choices))


def several_of(name: str, text: str, choices: Sequence[str]) -> Parameter:
    """Return a parameter that is any number of some words."""
    return Parameter(
        name, text, {"type": "string", "enum": list(choices)}, read_one_of(choices), repeated=True
    )


def words_of(name: str, text: str, choices: Sequence[str]) -> Parameter:
    """Return a parameter that is any number of some words, given several times or with commas between."""
    word = "|".join(choices)
    schema: Document = {"type": "string", "pattern": f"^({word})(,({word}))*$", "maxLength": LONGEST}
    return Parameter(name, text, schema, read_words(choices), repeated=True)


def integer(name: str, text: str, *, least: int, most: int, default: int | None = None) -> Parameter:
    """Return a parameter that is a whole number within bounds."""
    schema: Document = {"type": "integer", "minimum": least, "maximum": most}
    if default is not None:
        schema["default"] = default
    return Parameter(name, text, schema, read_integer(least, most))

"""Taking over what Almanach kept: files in, observations into the ledger, and an account of it."""

from __future__ import annotations

import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from usance.api.almanach.dump import NotUsableError, Stored, StoredType, documents, stored
from usance.api.almanach.entities import TYPE_NAMES
from usance.api.almanach.importing import ODDITIES, Odd, imported
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.observation import Observation
from usance.model.period import EPOCH
from usance.model.resource import SERVER

_PILES: Final = 128
"""The spans of a resource stand anywhere in a dump: they are laid on piles, of which one is held at once."""

_BATCH: Final = 1000  # observations in one transaction
_SHOWN: Final = 20  # examples of each kind of thing that is told

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Stored)


class Refused(msgspec.Struct, frozen=True):
    """A document of which nothing could be made."""

    file: str
    number: int  # of the document in its file, from 1
    reason: str


class Counted(msgspec.Struct, frozen=True):
    """How often something was odd, and how it is understood."""

    what: str
    number: int
    meaning: str


class Account(msgspec.Struct):
    """What was in a dump, and what became of it."""

    documents: int = 0
    spans: int = 0
    instances: int = 0  # resources, in each project that they were in
    volumes: int = 0
    volume_types: int = 0
    observations: int = 0
    new: int = 0  # observations that the ledger did not have; in a dry run nobody looks
    refused: int = 0
    odd: list[Counted] = []
    examples: list[Odd] = []  # some of each kind
    refusals: list[Refused] = []  # the first of them


class _Counting(msgspec.Struct):
    account: Account
    odd: Counter[str]
    types: dict[str, str]

    def refuse(self, path: Path, number: int, reason: str) -> None:
        self.account.refused += 1
        if len(self.account.refusals) < _SHOWN:
            self.account.refusals.append(Refused(str(path), number, reason))

    def note(self, odd: Iterable[Odd]) -> None:
        for one in odd:
            self.odd[one.what] += 1
            if self.odd[one.what] <= _SHOWN:
                self.account.examples.append(one)


def take_over(files: Sequence[Path], ledger: Ledger | None, cloud_id: str) -> Account:
    """Write what the files hold into a ledger, or into none; and return an account of it.

    Memory is bounded by a small part of the spans. It can be done again: what the ledger has already
    is not written twice. Raises UsanceError if a file can't be read to its end; nothing is written then.
    """
    counting = _Counting(Account(), Counter(), {})
    account = counting.account
    batch: list[Observation] = []
    with tempfile.TemporaryDirectory(prefix="usance-import-") as directory:
        for spans in _by_resource(_spans(files, counting), Path(directory)):
            if spans[0].kind == SERVER:
                account.instances += 1
            else:
                account.volumes += 1
            found = imported(spans, cloud_id)
            counting.note(found.odd)
            account.observations += len(found.observations)
            batch += found.observations
            if len(batch) >= _BATCH:
                account.new += _keep(ledger, batch)
                batch = []
    account.new += _keep(ledger, batch)
    account.volume_types = len(counting.types)
    if ledger is not None:
        # Nobody knows since when they were so called: any other name that is known counts before.
        ledger.remember_names(TYPE_NAMES, counting.types, at=EPOCH)
    account.odd = [Counted(what, number, ODDITIES[what]) for what, number in sorted(counting.odd.items())]
    return account


def _keep(ledger: Ledger | None, batch: list[Observation]) -> int:
    if ledger is None or not batch:
        return 0
    return ledger.hear(Heard(observations=tuple(batch))).inserted


def _spans(files: Sequence[Path], counting: _Counting) -> Iterator[Stored]:
    account = counting.account
    for path in files:
        for number, document in enumerate(documents(path), 1):
            account.documents += 1
            try:
                found = stored(document, account.documents)
            except NotUsableError as error:
                counting.refuse(path, number, str(error))
                continue
            if isinstance(found, StoredType):
                counting.types[found.type_id] = found.name
            else:
                account.spans += 1
                yield found


def _by_resource(spans: Iterable[Stored], directory: Path) -> Iterator[list[Stored]]:
    """Yield the spans of each resource in each project together."""
    piles = [directory / str(number) for number in range(_PILES)]
    with ExitStack() as stack:
        files = [stack.enter_context(pile.open("wb")) for pile in piles]
        for one in spans:
            file = files[zlib.crc32(one.entity_id.encode()) % _PILES]
            file.write(_encoder.encode(one) + b"\n")
    for pile in piles:
        together: dict[tuple[str, str, str], list[Stored]] = {}
        with pile.open("rb") as lines:
            for line in lines:
                one = _decoder.decode(line)
                together.setdefault((one.kind, one.entity_id, one.project_id), []).append(one)
        pile.unlink()
        for key in sorted(together):
            yield together[key]

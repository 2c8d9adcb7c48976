"""From the ids of volume types, which messages have, to their names, which everything else has.

A reader sees one message and knows no names. So its observations leave the type untold, and hold its id. Who
knows names puts them in, of many messages at once. Where a name is not known, nothing is lost: the
volume and its size are accounted, and the first sighting or message that tells the type (of what asks
Cinder, or of a later message once the name is known) tells it from the change on which it was left untold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from usance.ledger.values import Named
from usance.model.observation import Observation
from usance.model.period import EPOCH
from usance.model.resource import VOLUME_TYPE
from usance.model.storage import LONGEST, TYPE_NAMES, VOLUME_TYPE_ID


def named(
    observations: Sequence[Observation],
    news: Iterable[Named],
    known: Callable[[str, Sequence[str]], Mapping[str, str]],
) -> Sequence[Observation]:
    """Return the observations of a batch with the types by their names, as far as anybody knows these.

    *news* are names that the same batch tells; *known* returns those that the ledger has, given their
    kind and ids (:meth:`usance.ledger.ledger.Ledger.names`), and is asked only if there is need.
    """
    ids = types_in(observations)
    if not ids:
        return observations
    told = {one.id: one.name for one in news if one.kind == TYPE_NAMES}
    return with_types(observations, {**known(TYPE_NAMES, sorted(ids)), **told})


def unnamed(observations: Iterable[Observation]) -> tuple[Named, ...]:
    """Return the types that have no name yet, as what the ledger is to have named by who asks Cinder.

    As of the beginning of time, so that any name is newer.
    """
    return tuple(Named(TYPE_NAMES, one, "", EPOCH) for one in sorted(types_in(observations)))


def types_in(observations: Iterable[Observation]) -> set[str]:
    """Return the ids of the volume types that are to be named."""
    found = (one.described.get(VOLUME_TYPE_ID) for one in observations if VOLUME_TYPE not in one.accounted)
    return {one for one in found if isinstance(one, str)}


def with_types(observations: Iterable[Observation], names: Mapping[str, str]) -> tuple[Observation, ...]:
    """Return the observations, with the type by its name wherever *names* has it (by id)."""
    return tuple(_with_type(one, names) for one in observations)


def _with_type(one: Observation, names: Mapping[str, str]) -> Observation:
    type_id = one.described.get(VOLUME_TYPE_ID)
    if not isinstance(type_id, str) or VOLUME_TYPE in one.accounted:
        return one
    name = names.get(type_id)
    if not name:
        return one
    return msgspec.structs.replace(
        one,
        accounted=one.accounted | {VOLUME_TYPE: name[:LONGEST]},
        untold=tuple(name for name in one.untold if name != VOLUME_TYPE),
    )

"""When a resource began and ended (TIMELINE, rules 10 to 14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import STATE
from usance.model.sightings import Sighting
from usance.model.span import LIFE, Anomaly, Doubt

_CREATED, _CHANGED, _DELETED = Verb.CREATED, Verb.CHANGED, Verb.DELETED
_LEFT, _ENTERED, _SEEN, _GONE = Verb.LEFT, Verb.ENTERED, Verb.SEEN, Verb.GONE
_CORRECTION = DeletionQuality.CORRECTION

END_STATES = frozenset({"deleted", "soft-delete"})
"""States that a server shows when it is on its way out; nobody uses it in them."""

NEVER_RAN = END_STATES | {"building", "error"}
"""States that a server can have without ever having run."""

_TRANSFER_QUALITY = max(DeletionQuality) + 1  # a transfer names its own instant


class Creation(msgspec.Struct, frozen=True):
    """When the life in this project begins."""

    at: datetime
    exact: bool


class End(msgspec.Struct, frozen=True):
    """When the life in this project ends (None: it goes on), and what is odd about it."""

    at: datetime | None
    exact: bool = True
    doubts: tuple[Doubt, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()


def creation_of(observations: Sequence[Observation]) -> Creation | None:
    """Return the finest, then earliest creation that any observation carries; None if there was no life.

    What entered from another project lives here since then, whatever created_at says. Where nothing
    dates the creation it is the earliest claim or sighting, inferred. A correction stands above all that.
    """
    corrected = _last_correction(observations, _CREATED)
    if corrected is not None:
        return Creation(corrected.at, exact=True)
    dated: list[tuple[int, datetime]] = []
    evidence: list[datetime] = []
    for one in observations:
        if one.created_at is not None:
            dated.append((one.created_resolution_us, one.created_at))
        elif one.verb is _CREATED:
            dated.append((one.resolution_us, one.at))
        if one.verb is not _GONE and one.is_evidence_of_life:
            evidence.append(one.at)
    entered = _entered_first(observations)
    if entered is not None:
        return Creation(entered, exact=True)
    if dated:
        return Creation(min(dated)[1], exact=True)
    return Creation(min(evidence), exact=False) if evidence else None


def _entered_first(observations: Iterable[Observation]) -> datetime | None:
    """Return when the resource came from another project; None if it was here before, or never came.

    A departure before says that it was here only where something else says so, too: the message of a
    transfer does not name the donor, and may stand with whoever had the resource at any time.
    """
    known = list(observations)
    first = min((one.at for one in known if one.verb is _ENTERED), default=None)
    if first is None:
        return None
    before = [one.verb for one in known if one.at < first and one.is_evidence_of_life]
    has_left, was_here = _LEFT in before, any(verb is not _LEFT and verb is not _GONE for verb in before)
    return None if has_left and was_here else first


def begin_doubts(creation: Creation, sightings: Sequence[Sighting]) -> tuple[Doubt, ...]:
    """Say since when a resource of unknown creation may have existed: the last look without it, if any."""
    if creation.exact:
        return ()
    absent = [one.begin for one in sightings if not one.present and one.end < creation.at]
    return (Doubt(LIFE, max(absent), creation.at),) if absent else ()


def end_of(
    observations: Sequence[Observation],
    sightings: Sequence[Sighting],
    *,
    begin: datetime,
    tolerance: timedelta,
) -> End:
    """Return the end of a life that began at *begin*.

    The deletion of the best quality counts, then the finest, then the earliest. Only an explicit
    sighting of life that begins later than it + tolerance voids it. Without one, the end of the
    first absence that begins later than tolerance after the last evidence of life is inferred. A
    correction stands above all that, and settles what was odd about it.
    """
    corrected = _last_correction(observations, _DELETED)
    if corrected is not None:
        early = corrected.at < begin - tolerance
        odd = (Anomaly("deleted-before-created", corrected.at),) if early else ()
        return End(max(corrected.at, begin), anomalies=odd)
    claims, anomalies = _valid_ends(observations, begin, tolerance)
    if not claims:
        return _inferred_end(observations, sightings, begin, tolerance, anomalies)
    at = min(claims, key=_rank)[2]
    if at < begin - tolerance:
        anomalies = (*anomalies, Anomaly("deleted-before-created", at))
    return End(max(at, begin), anomalies=anomalies)


def last_seen_begin(observations: Iterable[Observation]) -> datetime | None:
    """Return the begin of the latest look that saw the resource alive, explicitly."""
    begins = (one.begin or one.at for one in observations if one.verb is _SEEN and one.is_evidence_of_life)
    return max(begins, default=None)


def _last_correction(observations: Iterable[Observation], verb: Verb) -> Observation | None:
    """Return the correction that was made last, by its own order and by no clock of the cloud's."""
    corrections = [one for one in observations if one.verb is verb and one.quality is _CORRECTION]
    if len(corrections) < 2:
        return corrections[0] if corrections else None
    return max(corrections, key=lambda one: (-1 if one.seq is None else one.seq, one.at, one.key))


_Claim = tuple[int, int, datetime]  # quality, resolution, instant


def _rank(claim: _Claim) -> _Claim:
    quality, resolution_us, at = claim
    return -quality, resolution_us, at


def _valid_ends(
    observations: Sequence[Observation], begin: datetime, tolerance: timedelta
) -> tuple[list[_Claim], tuple[Anomaly, ...]]:
    """Return the claims of an end that nothing voids, and the anomalies of the others."""
    alive = last_seen_begin(observations)
    entries = {one.at for one in observations if one.verb is _ENTERED}
    valid: list[_Claim] = []
    anomalies: set[Anomaly] = set()
    for one in observations:
        if one.verb is _LEFT:
            if one.at in entries or (begin in entries and one.at < begin):
                continue  # it left the donor then, or whoever had it before the donor
            quality: int = _TRANSFER_QUALITY
        elif one.verb is _DELETED:
            quality = one.quality or DeletionQuality.ENVELOPE
        else:
            continue
        if alive is not None and alive > one.at + tolerance:
            anomalies.add(Anomaly("seen-after-deletion", one.at))
        elif one.verb is _LEFT and any(entry > one.at for entry in entries):
            anomalies.add(Anomaly("returned-after-leaving", one.at))
        else:
            valid.append((quality, one.resolution_us, one.at))
    return valid, tuple(sorted(anomalies))


def _inferred_end(
    observations: Sequence[Observation],
    sightings: Sequence[Sighting],
    begin: datetime,
    tolerance: timedelta,
    anomalies: tuple[Anomaly, ...],
) -> End:
    if all(one.present for one in sightings):
        return End(None, anomalies=anomalies)
    claims = [one.at for one in observations if one.verb in (_CREATED, _CHANGED, _ENTERED)]
    known = max((begin, *claims))
    alive = [one for one in sightings if one.is_evidence_of_life]
    last_evidence = max((known, *(one.end for one in alive)))
    absent = [
        (one.end, one.begin) for one in sightings if not one.present and one.begin > last_evidence + tolerance
    ]
    if not absent:
        return End(None, anomalies=anomalies)
    at = min(absent)[0]
    certain = max((known, *(one.begin for one in alive)))
    return End(at, exact=False, doubts=(Doubt(LIFE, certain, at),), anomalies=anomalies)


def shows_launch(observation: Observation) -> bool:
    """Whether an observation says that the resource ran at least once."""
    if observation.launched:
        return True
    state = observation.accounted.get(STATE)
    return state is not None and state not in NEVER_RAN

"""The looks that matter, as the ledger finds them: those of the model's rule, however many there are."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from said import CLOUD, NOVA, PROJECT, at, created
from usance.ledger.ledger import Ledger
from usance.ledger.looks import Looks
from usance.model.looks import that_matter
from usance.model.observation import Batch, Look, Scope
from usance.model.resource import SERVER
from usance.model.timeline import TOLERANCE


def hourly(number: int, *, doubled: bool) -> list[Look]:
    """Return looks an hour apart, every sixth of them full; *doubled*: some end when the one before does."""
    looks = []
    for hour in range(number):
        scope = Scope.CHANGES if hour % 6 else Scope.FULL
        end = at("00:10") + timedelta(hours=hour - (hour % 3 == 2 if doubled else 0))
        begin = end - timedelta(minutes=5) + timedelta(seconds=hour)
        since = None if scope is Scope.FULL else begin - timedelta(hours=1)
        looks.append(Look(PROJECT, CLOUD, NOVA, SERVER, scope, begin, end, since))
    return looks


@pytest.mark.parametrize("number", [0, 1, 16, 19, 20, 120])
@pytest.mark.parametrize("doubled", [False, True])
def test_looks_are_those_of_the_rule(ledger: Ledger, number: int, *, doubled: bool) -> None:
    looks = hourly(number, doubled=doubled)
    for one in looks:
        ledger.observe(PROJECT, CLOUD, Batch(look=one))
    dice = random.Random(number)
    moments = [at("00:00") + timedelta(seconds=dice.randrange(-7200, 3600 * (number + 2))) for _ in range(40)]

    with ledger._store.read() as connection:
        kept = Looks(connection, PROJECT, CLOUD, SERVER, TOLERANCE)
        for moment in moments:
            said = [created("web", f"{moment:%Y-%m-%dT%H:%M:%S}")]
            assert set(kept.around(said)) == set(that_matter(looks, said))

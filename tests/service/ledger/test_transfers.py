"""A volume that goes from project to project, in whatever order its messages come."""

from random import Random

import pytest

from cinder_messages import CLOUD, Volume, read, told
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.resource import VOLUME

DAY = (
    "10:00:00.7 create 10 ssd",
    "10:59:59.5 offer",
    "11:00:00.5 accept project2 user2",
    "11:30:00.5 resize 20",
    "12:00:00.5 accept project3 user3",
    "12:30:00.5 resize 30",
    "13:00:00.5 delete",
)
LIVES = {
    "project1": ["10:00:00 11:00:00.500000 10 ssd []"],
    "project2": ["11:00:00.500000 11:30:00.500000 10 ssd []", "11:30:00.500000 12:00:00.500000 20 ssd []"],
    "project3": ["12:00:00.500000 12:30:00.500000 20 ssd []", "12:30:00.500000 13:00:00.500000 30 ssd []"],
}


@pytest.mark.parametrize("seed", range(12))
def test_each_project_has_it_as_long_as_it_had_it_in_any_order_of_messages(ledger: Ledger, seed: int) -> None:
    order = Random(seed)
    volume = Volume()
    for line in DAY:
        volume.do(line)
    sent = [*volume.sent, *order.sample(volume.sent, 3)]
    if seed:
        order.shuffle(sent)

    while sent:
        size = order.randint(1, 3)
        ledger.hear(Heard(tuple(read(sent[:size]))))
        sent = sent[size:]

    found = {}
    for project_id in LIVES:
        (one,) = ledger.timelines(project_id, CLOUD, VOLUME)
        found[project_id] = told(one.timeline)
        assert not one.timeline.anomalies
    assert found == LIVES

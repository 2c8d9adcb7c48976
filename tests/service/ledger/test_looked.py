"""Since when, and when last, kinds of resource were looked at completely."""

from datetime import datetime, timedelta

from server_timelines import at
from usance.ledger.ledger import Ledger
from usance.ledger.values import Looked
from usance.model.observation import Batch, Look, Scope

PLACE = ("project1", "region1")
NOON = at("2026-10-01 12:00")


def look(ledger: Ledger, kind: str, begin: datetime, scope: Scope = Scope.FULL) -> int:
    """Keep a look of five seconds; return the revision that it took."""
    end = begin + timedelta(seconds=5)
    one = Look(*PLACE, source="neutron", kind=kind, scope=scope, begin=begin, end=end)
    return ledger.observe(*PLACE, Batch(look=one, watermark=begin)).revision


def test_several_kinds_were_looked_at_as_long_as_the_latest_and_last_as_the_earliest(ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    look(ledger, "port", NOON)
    look(ledger, "floating_ip", NOON + hour)
    look(ledger, "port", NOON + 3 * hour)
    look(ledger, "floating_ip", NOON + 4 * hour)

    assert ledger.looked(*PLACE, {"port"}) == Looked(NOON, NOON + 3 * hour)
    assert ledger.looked(*PLACE, {"port", "floating_ip"}) == Looked(NOON + hour, NOON + 3 * hour)


def test_kind_that_was_never_looked_at_completely_makes_it_none(ledger: Ledger) -> None:
    look(ledger, "port", NOON)
    look(ledger, "server", NOON, Scope.CHANGES)

    assert ledger.looked(*PLACE, {"port", "server"}) is None
    assert ledger.looked(*PLACE, {"router_gateway"}) is None
    assert ledger.looked("project2", "region1", {"port"}) is None


def test_what_was_looked_at_after_a_revision_is_not_known_in_it(ledger: Ledger) -> None:
    revision = look(ledger, "port", NOON)
    look(ledger, "port", NOON + timedelta(days=1))

    assert ledger.looked(*PLACE, {"port"}, revision=revision) == Looked(NOON, NOON)
    assert ledger.looked(*PLACE, {"port"}, revision=revision - 1) is None

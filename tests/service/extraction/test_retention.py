"""How long the bodies of messages are kept."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from said import PLACE, message
from service.extraction.witness import FIRST, good, usual_site
from usance.extraction.publishing import give_up_old_bodies
from usance.ledger.ledger import Ledger
from usance.ledger.values import NewRecord

NOW = datetime.now(UTC)


def stage(ledger, messenger, days, key="cloud/web/2025-01"):
    """Stage a message, so many days ago."""
    record = NewRecord(key, "server", key.split("/")[1], f"digest of {key}", NOW - timedelta(days=days))
    ledger.stage(*PLACE, messenger, [message(record)], at=NOW - timedelta(days=days))


def bodies(url):
    """Return the length of each body, by messenger and age in days."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                sqlalchemy.text("SELECT messenger, id, length(body) FROM message ORDER BY messenger, id")
            )
            return {
                (name, round((NOW.timestamp() * 1_000_000 - id_) / 86_400_000_000)): length
                for name, id_, length in rows
            }
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        ("", {"pending": True, "old": False, "younger": True}),
        ("keep_messages_days = 0\n", {"pending": True, "old": True, "younger": True}),
        ("keep_messages_days = 300\n", {"pending": True, "old": False, "younger": False}),
    ],
)
def test_a_run_gives_up_the_bodies_of_what_was_delivered_long_ago(tmp_path, option, kept):
    with usual_site(tmp_path, messengers="noop", sections=f"[usance]\n{option}") as site:
        with site.ledger() as ledger:
            stage(ledger, "pigeon", 500)  # nobody delivers it
            stage(ledger, "noop", 401, "cloud/web/2025-01")
            stage(ledger, "noop", 399, "cloud/web/2025-02")

        good(site.run(FIRST))

        found = bodies(site.settings().ledger_url)
        assert {
            "pending": found["pigeon", 500] > 0,
            "old": found["noop", 401] > 0,
            "younger": found["noop", 399] > 0,
        } == kept
        assert found["noop", 0] > 0


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.no_cover
def test_any_number_of_bodies_is_given_up_in_short_transactions(engine, tmp_path, request):
    url = request.getfixturevalue("postgres_url") if engine == "postgresql" else f"sqlite:///{tmp_path}/l"
    with Ledger.open(url) as ledger:
        for number in range(1100):
            stage(ledger, f"noop{number % 3}", 500, f"cloud/{number}/2025-01")
        for messenger in ("noop0", "noop1"):
            while pending := ledger.pending(messenger, limit=100):
                ledger.delivered(*pending, at=NOW)
        refused = ledger.pending("noop2", limit=1)[0]
        ledger.dead(refused, "never", at=NOW)

        assert give_up_old_bodies(ledger, 400, NOW) == 734
        assert give_up_old_bodies(ledger, 400, NOW) == 0
        assert len(ledger.pending("noop2", limit=1000)) == 365
        assert all(one.body for one in ledger.pending("noop2", limit=1000))

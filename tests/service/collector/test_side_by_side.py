"""Several collectors on one queue: whoever writes what, and whoever dies, the ledger is the same."""

from __future__ import annotations

import os
import random

from bus import history, lives, undisturbed, until

SOAK = os.environ.get("USANCE_SOAK") == "1"
SERVERS = 9_000 if SOAK else 250  # about 5.6 messages each, and as many again that come twice
DEATHS = 100 if SOAK else 4
LINES = ("batch_size = 100", "batch_ms = 20")


def test_three_collectors_of_which_one_is_killed_again_and_again(bus, collecting, postgres_url, tmp_path):
    bodies = history(SERVERS, seed=11)
    expected = undisturbed(f"sqlite:///{tmp_path}/undisturbed.db", bodies)
    source = random.Random(12)
    sent = source.sample(bodies, len(bodies)) + source.choices(bodies, k=len(bodies))
    source.shuffle(sent)
    bus.declare()
    steady = [collecting(postgres_url, *LINES).ready() for _ in range(2)]
    dying = collecting(postgres_url, *LINES).ready()

    share = -(-len(sent) // DEATHS)
    for number in range(DEATHS):
        bus.send(sent[number * share : (number + 1) * share])
        until(lambda: dying.metric("usance_collector_messages_total") > 0)  # noqa: B023 -- it is called in this round
        dying.kill()
        dying = collecting(postgres_url, *LINES).ready()

    until(lambda: bus.depth() == 0, patience_s=1800 if SOAK else 90)
    assert [one.stop() for one in (*steady, dying)] == [0, 0, 0]
    assert bus.depth() == 0
    assert lives(postgres_url) == expected
    assert not [one for one in steady if "Traceback" in one.said() or "refuses" in one.said()]

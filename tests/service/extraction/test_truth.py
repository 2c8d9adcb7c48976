"""What the program counts is what was used: held to a truth that is worked out without it.

Random histories are served over HTTP with a clock of their own, and the program runs at random
times. USANCE_HISTORIES says how many (`make soak`: 1,000).
"""

import os
from datetime import UTC, datetime
from random import Random

import pytest

from demo_site import DemoSite, demo_site, months_of, spread, timelines, truth_of
from usance.demo.history import SeededHistory
from usance.model.resource import FLAVOR, STATE, VCPUS
from usance.model.span import LIFE

BEGIN, END = datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
HISTORIES = int(os.environ.get("USANCE_HISTORIES", "40"))
FIRST_SEED = int(os.environ.get("USANCE_FIRST_SEED", "0"))
BY_COMMAND = max(1, min(20, HISTORIES // 50))
MOST_VCPUS = 64


def history_of(seed: int) -> SeededHistory:
    return SeededHistory(seed, projects=2, servers=5, begin=BEGIN, end=END, actions=8)


def hold_to_truth(site: DemoSite, history: SeededHistory, until: datetime) -> None:
    """Compare the ledger, and what APEL would make of the messages, with the truth."""
    real = truth_of(history, until)
    with site.ledger() as ledger:
        lives = {one.resource.id: one for one in timelines(ledger)}
    counted = {
        (server, *month): used
        for server, life in lives.items()
        if life.launched
        for month, used in months_of(life, until)
        if used.elapsed_s
    }
    assert {key: (one.elapsed_s, one.suspended_s) for key, one in counted.items()} == {
        key: (one.elapsed_s, one.suspended_s) for key, one in real.items() if one.elapsed_s
    }
    unsure = {
        server
        for server, life in lives.items()
        if any(doubt.attribute in {VCPUS, FLAVOR} for doubt in life.doubts)
    }
    for key, used in counted.items():
        if key[0] in unsure:
            assert abs(used.vcpu_s - real[key].vcpu_s) <= used.inferred_s * MOST_VCPUS
        else:
            assert used.vcpu_s == real[key].vcpu_s
        assert not any(doubt.attribute in {LIFE, STATE} for doubt in lives[key[0]].doubts)

    published = site.apel().months()
    assert {key: one.wall_s for key, one in published.items() if one.wall_s} == {
        key: one.wall_s for key, one in real.items() if one.wall_s
    }
    assert {key: one.cpu_s for key, one in published.items() if one.cpu_s} == {
        key: used.vcpu_s for key, used in counted.items() if used.vcpu_s
    }


@pytest.mark.timeout(3000)
@pytest.mark.no_cover
def test_whatever_the_number_and_the_times_of_the_runs_the_truth_comes_out(tmp_path_factory):
    """Server-seconds, suspended seconds and vCPU-seconds equal the truth, in the ledger and at APEL."""
    with demo_site(history_of(0), tmp_path_factory.mktemp("first")) as site:
        for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
            random = Random(seed)
            history = history_of(seed)
            site.cloud.load(history)
            mine = DemoSite(site.cloud, site.url, tmp_path_factory.mktemp("site"))
            settings = mine.settings()

            for at in spread(BEGIN, END, [random.random() for _ in range(random.randrange(5))]):
                report = mine.run(at, settings)
                assert report.exit_status == 0, (seed, report)

            try:
                hold_to_truth(mine, history, END)
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise


def test_the_command_counts_the_truth_as_well(tmp_path_factory):
    """The same through `caso-extract` in a process of its own."""
    with demo_site(history_of(0), tmp_path_factory.mktemp("first")) as site:
        for seed in range(100_000, 100_000 + BY_COMMAND):
            random = Random(seed)
            history = history_of(seed)
            site.cloud.load(history)
            mine = DemoSite(site.cloud, site.url, tmp_path_factory.mktemp("site"))

            for at in spread(BEGIN, END, [random.random(), random.random()]):
                done = mine.command(at)
                assert done.returncode == 0, done.stderr

            hold_to_truth(mine, history, END)

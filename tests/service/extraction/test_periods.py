"""Periods and clocks: what a run counts up to, and that no choice of it loses anything."""

from datetime import timedelta

import pytest

from service.extraction.witness import FIRST, SECOND, complained, good, hold_complete, usual_site
from usance.config.settings import ExtractRequest
from usance.ledger.ledger import Ledger
from usance.model.period import EPOCH

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--extract-from", "2026-12-24"), ("would begin (2026-12-24", "the cloud's clock")),
        (("--extract-from", "2026-10-05", "--extract-to", "2026-10-05T01:00+02:00"), ("should lie before",)),
        (("--extract-from", "2026-10-15T14:00:00+02:00"), ("would begin (2026-10-15T12:00:00+00:00)",)),
    ],
    ids=["in the future", "after extract-to, by its offset", "now, by its offset"],
)
def test_a_period_without_length_is_wrong_usage_and_changes_nothing(tmp_path, arguments, parts):
    with usual_site(tmp_path) as site:
        complained(site.command(FIRST, *arguments), 2, *parts)

        assert site.messages() == []
        good(site.run(SECOND))
        hold_complete(site, SECOND)


def test_an_offset_is_respected(tmp_path):
    """The end is named in the time of a site two hours east: the cumulative figures end there."""
    with usual_site(tmp_path) as site:
        done = site.command(FIRST, "--extract-to", "2026-10-10T14:00:00+02:00", "--extract-from", "None")

        assert done.returncode == 0, done.stderr
        hold_complete(site, FIRST.replace(day=10))


def test_an_end_in_the_future_is_now_with_a_warning(tmp_path):
    with usual_site(tmp_path) as site:
        done = site.command(FIRST, "--extract-to", "2026-12-24")

        assert done.returncode == 0
        assert "is in the future: now (2026-10-15T12:00:00+00:00) is taken" in done.stderr
        hold_complete(site, FIRST)


def test_a_run_into_the_past_loses_nothing_of_what_came_after_it(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        good(site.run(SECOND, request=ExtractRequest(extract_to=FIRST - HOUR)))
        good(site.run(SECOND))

        hold_complete(site, SECOND)


def test_from_the_beginning_of_time_again_says_nothing_twice(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        good(site.run(SECOND))
        before = len(site.messages())
        good(site.run(SECOND, request=ExtractRequest(extract_from=EPOCH)))

        assert len(site.messages()) == before
        hold_complete(site, SECOND)


def test_a_local_clock_an_hour_ahead_of_the_cloud_and_behind_it_counts_the_clouds_time(tmp_path):
    """The cloud's clock is set an hour away from ours, which is the real one, to either side."""
    with usual_site(tmp_path, sections="[usance]\nfull_look_every = 0\n") as site:
        site.cloud.clock.set(None)
        real = site.cloud.clock.now()
        for offset in (-HOUR, HOUR):
            now = real + offset
            done = site.command(now)

            assert done.returncode == 0, done.stderr
            hold_complete(site, now.replace(microsecond=0))


def test_a_cloud_whose_clock_is_set_back_takes_nothing_back(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        good(site.run(FIRST - HOUR))
        hold_complete(site, FIRST)
        good(site.run(SECOND))

        hold_complete(site, SECOND)
        with Ledger.open(site.settings().ledger_url) as ledger:
            assert ledger.troubles() == []

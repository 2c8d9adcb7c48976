"""A year that is extracted afterwards, month by month, leaves at APEL what a year of runs leaves.

Of what the API can date: nobody can tell afterwards which flavor a server had before a resize,
which image before a rebuild, nor which floating IPs before it was deleted. `make soak` runs in each
hour of the year; otherwise it is every fifth day.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from demo_site import DemoSite, demo_site
from usance.config.settings import ExtractRequest
from usance.demo.history import SeededHistory, WrittenHistory
from usance.model.period import Period

BEGIN, END = datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
SOAK = bool(os.environ.get("USANCE_SOAK"))
EVERY = timedelta(hours=1 if SOAK else 119)
UNDATED = {"resize", "revertResize", "confirmResize", "rebuild"}


def history() -> WrittenHistory:
    """Return servers of which everything can be told afterwards."""
    drawn = SeededHistory(5, projects=2, servers=40, begin=BEGIN, end=END, actions=3, deleted=0.6)
    lives = [drawn.life(number) for number in range(len(drawn))]
    dated = [life for life in lives if not UNDATED & {step.action for step in life.steps}]
    return WrittenHistory(drawn.site, [msgspec.structs.replace(life, floating_ips=()) for life in dated])


def rows(site: DemoSite) -> dict[tuple[str, int, int], dict[str, str]]:
    return {key: row.fields for key, row in site.apel().rows.items()}


def differences(
    found: dict[tuple[str, int, int], dict[str, str]], expected: dict[tuple[str, int, int], dict[str, str]]
) -> dict[tuple[str, int, int], set[tuple[str, str]]]:
    """Return the fields in which records differ."""
    return {
        key: set(fields.items()) ^ set(found[key].items())
        for key, fields in expected.items()
        if fields != found[key]
    }


@pytest.mark.timeout(7200)
@pytest.mark.no_cover
def test_a_backfill_by_month_equals_a_year_of_runs_record_for_record(tmp_path):
    with demo_site(history(), tmp_path / "runs", BEGIN) as site:
        settings = site.settings()
        at = BEGIN
        while at < END:
            at = min(at + EVERY, END)
            assert site.run(at, settings).exit_status == 0
        year = rows(site)

        late = DemoSite(site.cloud, site.url, tmp_path / "backfill")
        settings = late.settings()
        for month in Period(BEGIN, END).months():
            request = ExtractRequest(extract_from=month.start, extract_to=month.end)
            assert late.run(END, settings, request).exit_status == 0

        assert len({key[0] for key in year}) > 12
        assert {fields["Status"] for fields in year.values()} == {"started", "completed"}
        assert sum(int(fields["SuspendDuration"]) for fields in year.values()) > 0
        found = rows(late)
        assert found.keys() == year.keys()
        assert differences(found, year) == {}

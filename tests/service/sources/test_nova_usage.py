"""Nova's own figures beside ours."""

import asyncio
from datetime import UTC, datetime, timedelta

from looking import opened, selected
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.history import SeededHistory
from usance.demo.server import serving
from usance.model.period import Period
from usance.sources.nova_usage import Difference, ServerUsage, differences, server_usages, verify

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=30)


def test_usages_of_all_pages_are_read_and_compared():
    history = SeededHistory(1, servers=40, begin=BEGIN, end=END, actions=0)
    demo = DemoCloud(history, clock=Clock(END), options=CloudOptions(page_cap=3))
    period = Period(BEGIN, END)

    async def do(url: str) -> tuple[dict[str, ServerUsage], tuple[Difference, ...]]:
        async with opened(url, "reader") as cloud:
            project = (await selected(cloud))[0]
            theirs = await server_usages(cloud, project, period)
            ours = {one: usage.seconds for one, usage in theirs.items()}
            victim = min(ours)
            ours[victim] += 3600
            return theirs, await verify(cloud, project, period, ours)

    with serving(demo) as url:
        theirs, different = asyncio.run(do(url))

    assert len(theirs) > 3
    assert [one.server_id for one in different] == [min(theirs)]


def test_server_that_only_one_of_us_knows_is_a_difference():
    found = differences({"a": 100, "b": 500, "c": 50}, {"a": 90, "d": 700}, allowed_s=60)

    assert found == (Difference("b", 500, None), Difference("d", None, 700))

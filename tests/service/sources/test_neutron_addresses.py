"""Floating IPs by server, as the simulated Neutron tells them."""

import asyncio
from datetime import UTC, datetime, timedelta

from looking import Notebook, look, opened, selected
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import SeededHistory
from usance.demo.server import serving
from usance.model.observation import Batch
from usance.sources.neutron_addresses import PUBLIC_IP_COUNT, NeutronAddresses

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=30)


def looked_at(url: str, notebook: Notebook, **settings: str) -> list[Batch]:
    async def do() -> list[Batch]:
        async with opened(url, "reader", **settings) as cloud:
            return await look(NeutronAddresses(cloud), await selected(cloud), notebook)

    return asyncio.run(do())


def test_counts_are_said_once_and_again_when_they_change():
    history = SeededHistory(3, servers=40, begin=BEGIN, end=END, deleted=1.0)
    demo = DemoCloud(history, clock=Clock(BEGIN + timedelta(days=20)))
    notebook = Notebook()
    with serving(demo) as url:
        looked_at(url, notebook)
        first = {key: said[-1].described[PUBLIC_IP_COUNT] for key, said in notebook.observations.items()}
        again = looked_at(url, notebook)
        demo.clock.set(END + timedelta(days=1))
        looked_at(url, notebook)

    last = {key: said[-1].described[PUBLIC_IP_COUNT] for key, said in notebook.observations.items()}
    assert set(first.values()) == {1}
    assert again == []
    assert 0 in last.values()
    lives = [history.life(number) for number in range(40)]
    assert {one.id for one in lives if one.floating_ips and one.id in last} == set(last)


def test_address_proves_no_life():
    """A port may name a server that is gone: what only describes makes no timeline."""
    demo = DemoCloud(SeededHistory(3, servers=40, begin=BEGIN, end=END), clock=Clock(END))
    notebook = Notebook()
    with serving(demo) as url:
        looked_at(url, notebook)

    assert notebook.observations
    assert not any(one.is_evidence_of_life for said in notebook.observations.values() for one in said)
    assert notebook.timelines() == {}
    assert notebook.looks == []


def test_cloud_without_neutron_is_told_once(caplog):
    demo = DemoCloud(SeededHistory(3, servers=4, begin=BEGIN, end=END), clock=Clock(END))
    with serving(demo) as url:
        said = looked_at(url, Notebook(), region_name="Elsewhere")

    assert said == []
    assert [one.getMessage()[:38] for one in caplog.records] == ["records go out without floating IPs: t"]

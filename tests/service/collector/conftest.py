"""A RabbitMQ for the whole session, topics of each test's own, and collectors that are ended in the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus import Bus, Collecting, configuration
from certificates import Place
from service.rabbitmq import HOW_TO_GET_IT, RabbitMq, is_installed, running_rabbitmq


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("certificates"))
    for name in ("localhost", "collector"):
        made.issue(name)
    return made


@pytest.fixture(scope="session")
def broker(place: Place) -> Iterator[RabbitMq]:
    if not is_installed():
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    with running_rabbitmq(place) as server:
        yield server


@pytest.fixture(scope="session")
def two_hosts(broker: RabbitMq) -> tuple[str, str]:
    """Make two more virtual hosts."""
    names = ("one", "two")
    for name in names:
        broker.add_virtual_host(name)
    return names


@pytest.fixture
def bus(broker: RabbitMq) -> Bus:
    return Bus(broker, f"topic-{secrets.token_hex(4)}")


@pytest.fixture
def collecting(broker: RabbitMq, bus: Bus, tmp_path: Path) -> Iterator[Callable[..., Collecting]]:
    """Start collectors of the test's topic; lines are added to [collector]."""
    started: list[Collecting] = []

    def start(
        ledger_url: str, *lines: str, crash: tuple[str, ...] = (), url: str | None = None
    ) -> Collecting:
        text = configuration(ledger_url, url or broker.url(), bus.topic, *lines)
        started.append(Collecting(tmp_path / f"collector-{len(started)}", text, crash=crash))
        return started[-1]

    yield start
    for one in started:
        one.kill()

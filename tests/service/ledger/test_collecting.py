"""In pieces, shuffled, doubled, by several, by those who die: what is heard makes the same ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from said import CLOUD
from service.ledger import collector
from usance.ledger import schema
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.resource import SERVER
from usance.model.timeline import timeline

TESTS = Path(__file__).parents[2]

# When something was recorded, and after what, depends on the order of arrival.
OF_ARRIVAL = {"revision", "first_revision"}


def dump(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that does not depend on the order of arrival."""
    found = {}
    with ledger._store.read() as connection:
        for table in (schema.observation, schema.timeline, schema.span, schema.name):
            columns = [one for one in table.columns if one.name not in OF_ARRIVAL]
            rows = connection.execute(schema.metadata.tables[table.name].select().with_only_columns(*columns))
            found[table.name] = sorted(tuple(row) for row in rows)
    return found


def start(what: str, url: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", collector.__file__, what, url, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """Yield what a ledger holds that heard everything in order, one by one."""
    with Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db") as ledger:
        for one in collector.history():
            ledger.hear(Heard((one,)))
        ledger.remember_names(
            "project",
            {f"project{one}": "some name" for one in range(collector.PROJECTS)},
            at=collector.START,
        )
        yield dump(ledger)


@pytest.mark.no_cover
def test_ledger_made_in_order_equals_the_pure_timelines(ledger: Ledger) -> None:
    for one in collector.history():
        ledger.hear(Heard((one,)))

    for project_id, cloud_id in ledger.projects():
        for found in ledger.timelines(project_id, cloud_id, SERVER):
            own = [one for one in collector.history() if one.resource == found.timeline.resource]
            assert found.timeline == timeline(own)
    assert len(ledger.projects()) == collector.PROJECTS


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_doubled_and_split_it_equals_the_ledger_made_in_order(
    ledger: Ledger, in_order: dict[str, list[tuple[Any, ...]]], seed: int
) -> None:
    inserted = duplicates = 0
    for heard in collector.pieces(seed):
        kept = ledger.hear(heard)
        inserted += kept.inserted
        duplicates += kept.duplicates

    assert dump(ledger) == in_order
    assert inserted == len(collector.history())
    assert duplicates == int(0.3 * inserted)


def test_all_at_once_it_equals_the_ledger_made_in_order(
    ledger: Ledger, in_order: dict[str, list[tuple[Any, ...]]]
) -> None:
    said = [one for heard in collector.pieces(1) for one in heard.observations]
    names = [one for heard in collector.pieces(1) for one in heard.names]

    ledger.hear(Heard(tuple(said), tuple(names)))

    assert dump(ledger) == in_order


@pytest.mark.parametrize("collectors", [2, 3])
@pytest.mark.no_cover
def test_several_collectors_side_by_side_make_the_same_ledger(
    ledger_url: str, in_order: dict[str, list[tuple[Any, ...]]], collectors: int
) -> None:
    """Each hears a share of the batches; all of them are about all projects, in no order."""
    Ledger.open(ledger_url).close()
    processes = [start("share", ledger_url, 5, share, collectors) for share in range(collectors)]

    for one in processes:
        _, trouble = one.communicate(timeout=120)
        assert one.returncode == 0, trouble

    with Ledger.open(ledger_url) as ledger:
        assert dump(ledger) == in_order
        for project_id, cloud_id in ledger.projects():
            with ledger._store.read() as connection:
                table = schema.revision
                kept = connection.execute(table.select().where(table.c.project_id == project_id)).all()
            last = ledger.revision(project_id, cloud_id)
            assert sorted(row.revision for row in kept) == list(range(1, last + 1))


@pytest.mark.no_cover
def test_killed_before_any_statement_all_of_a_batch_is_kept_or_nothing(
    ledger_url: str, in_order: dict[str, list[tuple[Any, ...]]]
) -> None:
    Ledger.open(ledger_url).close()
    process = start("die", ledger_url)
    assert process.stdout is not None
    assert process.stdin is not None
    before: dict[str, list[tuple[Any, ...]]] | None = None
    killed = 0

    while (line := process.stdout.readline()).startswith("killed"):
        with Ledger.open(ledger_url) as ledger:
            found = dump(ledger)
            assert len(ledger.parking.page()) == 1
        before = before or found
        assert found == before
        killed += 1
        process.stdin.write("\n")
        process.stdin.flush()
    _, trouble = process.communicate("\n", timeout=60)

    assert line.startswith("lived"), trouble
    assert process.returncode == 0, trouble
    assert killed > 10
    with Ledger.open(ledger_url) as ledger:
        assert dump(ledger) == in_order
        assert len(ledger.parking.page()) == 2
        assert ledger.projects() == [(f"project{one}", CLOUD) for one in range(collector.PROJECTS)]

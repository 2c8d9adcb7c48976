"""cASO 5.2.2 and `caso-extract` look at the same cloud, up to the same instant: what differs, and why.

Each difference stands in docs/explanation/differences-from-caso.md with the fault that explains it;
where cASO is right, records are equal field by field.
"""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contents import READER, admin
from lab.history import History, Life
from lab.site import Site, read_records, system_reader
from place import Place

pytestmark = pytest.mark.timeout(3600)

CASO = "caso==5.2.2"
SCRIPT = {
    "running": Life(first=("floating-ip",)),
    "stopped": Life(first=("stop",)),
    "paused": Life(first=("pause",)),
    "suspended": Life(first=("suspend",)),
    "shelved": Life(first=("shelve",)),
    "rescued": Life(first=("rescue",)),
    "rebuilt": Life(first=("rebuild",)),
    "resized": Life(second=("resize", "confirm")),
    "deleted": Life(second=("delete",)),
    "gpu": Life(flavor="lab.gpu"),
    "on-deleted-flavor": Life(flavor="doomed", second=("pause",)),
    "hostile-unicode": Life(),
    "no-host": Life(flavor="lab.impossible", fails=True),
}
ASIDE = {"CloudType", "RecordCreateTime"}

# What may differ of any server: cASO says what we leave out, or leaves out what we say.
EVERYWHERE = {
    "EndTime": ("0", None),  # of what still runs
    "SuspendDuration": (None, "0"),
}
# What differs of one server: (what cASO says, what we say), None where either says nothing, and
# ... where the figures of the day are in it.
EXPECTED: dict[str, dict[str, tuple[object, object]]] = {
    "running": {"PublicIPCount": ("0", "1")},  # Nova was not told of it, and its row does not show it
    "shelved": {"Status": ("unknown", "suspended")},
    "resized": {"CpuDuration": (..., ...)},
    "on-deleted-flavor": {"CpuDuration": ("1", ...)},
    "hostile-unicode": {"MachineName": (..., ...)},
}
BY_DEFAULT = {
    "suspended": {"WallDuration", "CpuDuration", "SuspendDuration"},
    "shelved": {"WallDuration", "CpuDuration", "SuspendDuration"},
}


@dataclass(frozen=True)
class Both:
    """What both programs say of the same servers at the same time, and with our defaults."""

    ids: dict[str, str]
    theirs: dict[str, dict[str, str]]
    ours: dict[str, dict[str, str]]
    defaults: dict[str, dict[str, str]]


def peer(place: Place) -> Path:
    """Return cASO's command, in an environment of its own beside the lab's."""
    home = place.root / CASO.replace("==", "-")
    command = home / "bin" / "caso-extract"
    if not command.exists():
        venv.create(home, clear=True, with_pip=True)
        pip = [str(home / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet", CASO]
        subprocess.run(pip, check=True, timeout=900)
    return command


@pytest.fixture(scope="module")
def both(lab: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Play a history; let both programs look before its second act and after it."""
    directory = tmp_path_factory.mktemp("differential")
    with History(lab, SCRIPT) as history:
        with system_reader(admin(lab)):
            history.first_act()
            sites = {
                "ours": Site(lab, directory / "ours", READER, history.project_id, suspended_states=""),
                "defaults": Site(lab, directory / "defaults", READER, history.project_id),
                "theirs": Site(lab, directory / "theirs", READER, history.project_id, extractor="nova"),
            }
            command = peer(lab)
            until = now()
            for name, site in sites.items():
                run_of(site, until, command if name == "theirs" else None)
            history.second_act()
            until = now()
            found = {
                name: run_of(site, until, command if name == "theirs" else None)
                for name, site in sites.items()
            }
        yield Both(history.ids, found["theirs"], found["ours"], found["defaults"])


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)


def run_of(site: Site, until: datetime, command: Path | None) -> dict[str, dict[str, str]]:
    """Run one of the programs up to an instant; return its cloud records by server."""
    run = site.extract("--extract-to", until.strftime("%Y-%m-%dT%H:%M:%S"), command=command)
    return {record["VMUUID"]: record for record in read_records(run.messages)}


def differences(
    theirs: Mapping[str, str], ours: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    return {
        field: (theirs.get(field), ours.get(field))
        for field in sorted(theirs.keys() | ours.keys())
        if field not in ASIDE and theirs.get(field) != ours.get(field)
    }


def test_both_report_the_same_servers(both: Both) -> None:
    """But for the one that never ran: cASO charges it a second."""
    assert both.ours.keys() == both.theirs.keys() - {both.ids["no-host"]}


@pytest.mark.parametrize("role", [role for role in SCRIPT if role != "no-host"])
def test_records_are_equal_field_by_field_where_caso_is_right(both: Both, role: str) -> None:
    server = both.ids[role]
    found = {
        field: pair
        for field, pair in differences(both.theirs[server], both.ours[server]).items()
        if EVERYWHERE.get(field) != pair
    }

    expected = EXPECTED.get(role, {})
    assert found.keys() == expected.keys(), found
    for field, pair in expected.items():
        for said, wanted in zip(found[field], pair, strict=True):
            assert wanted in {..., said}, (field, found[field])


def test_with_the_defaults_only_suspended_time_is_counted_otherwise(both: Both) -> None:
    for role, server in both.ids.items():
        if role != "no-host":
            found = differences(both.ours[server], both.defaults[server])
            assert found.keys() == BY_DEFAULT.get(role, set()), (role, found)
            record = both.defaults[server]
            elapsed = int(record["WallDuration"]) + int(record["SuspendDuration"])
            assert elapsed == int(both.ours[server]["WallDuration"])

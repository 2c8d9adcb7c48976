"""What Almanach kept, as mongoexport writes it, and the lives that it makes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.model.lives import at, clock, ledger
from usance.api.almanach.dump import NotUsableError, Stored, StoredType, documents, files_of, stored
from usance.api.almanach.importing import imported
from usance.model.errors import UsanceError
from usance.model.resource import SERVER, VOLUME
from usance.model.timeline import timeline

# --- documents -------------------------------------------------------------------------------

ENTITY: dict[str, Any] = {
    "_id": {"$oid": "56c9f0f1e138236d9f1b0001"},
    "entity_id": "i1",
    "entity_type": "instance",
    "project_id": "p1",
    "start": {"$date": "2016-01-01T18:30:00.000Z"},
    "end": None,
    "last_event": {"$date": "2016-01-01T18:30:00.000Z"},
    "flavor": "m1.small",
    "name": "web",
    "os": {"distro": "ubuntu", "version": "14.04", "os_type": "linux"},
    "metadata": {"metering^billing_mode": "month"},
}
VOLUME_ENTITY = {
    "entity_id": "v1",
    "entity_type": "volume",
    "project_id": "p1",
    "start": {"$date": {"$numberLong": "1451673000000"}},
    "end": {"$date": "2016-01-02T00:00:00Z"},
    "last_event": {"$date": "2016-01-02T00:00:00Z"},
    "name": "data",
    "volume_type": "ssd",
    "size": {"$numberInt": "50"},
    "attached_to": ["i1"],
}


def test_an_instance_is_read():
    found = stored(ENTITY, 7)

    start = datetime(2016, 1, 1, 18, 30, tzinfo=UTC)
    assert found == Stored(
        kind=SERVER, entity_id="i1", project_id="p1", start=start, end=None, last_event=start, number=7,
        name="web", flavor="m1.small", os={"distro": "ubuntu", "version": "14.04", "os_type": "linux"},
        metadata='{"metering.billing_mode":"month"}',
    )  # fmt: skip


def test_a_volume_is_read():
    found = stored(VOLUME_ENTITY, 1)

    assert isinstance(found, Stored)
    assert (found.kind, found.size, found.volume_type, found.attached_to) == (VOLUME, 50, "ssd", ("i1",))
    assert (found.start, found.end) == (
        datetime(2016, 1, 1, 18, 30, tzinfo=UTC),
        datetime(2016, 1, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "written",
    [
        {"$date": "2016-01-01T18:30:00.000Z"},
        {"$date": "2016-01-01T18:30:00.000+0000"},
        {"$date": "2016-01-01T20:30:00+02:00"},
        {"$date": 1451673000000},
        {"$date": {"$numberLong": "1451673000000"}},
    ],
)
def test_dates_of_every_generation_are_read(written):
    found = stored({**ENTITY, "start": written, "last_event": None}, 1)

    assert isinstance(found, Stored)
    assert found.start == datetime(2016, 1, 1, 18, 30, tzinfo=UTC)


def test_dates_before_1970_are_read():
    found = stored({**ENTITY, "start": {"$date": {"$numberLong": "-1000"}}}, 1)

    assert isinstance(found, Stored)
    assert found.start == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_what_no_database_keeps_is_left_out_of_texts():
    document = {**ENTITY, "name": "w\ud800", "metadata": {"a\ud800": "b\ud800", "c": "d\0"}}

    found = stored(document, 1)

    assert isinstance(found, Stored)
    assert (found.name, found.metadata) == ("w ", '{"a ":"b ","c":"d "}')


def test_a_type_of_volumes_is_read():
    assert stored({"volume_type_id": "t", "volume_type_name": "ssd"}, 1) == StoredType("t", "ssd")


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"volume_type_id": "t"},
        {**ENTITY, "entity_type": "image"},
        {**ENTITY, "start": None},
        {**ENTITY, "start": {"$date": "yesterday"}},
        {**ENTITY, "start": {"$date": {"$numberLong": "9" * 30}}},
        {**ENTITY, "start": {"$date": "0001-01-01T00:00:00Z"}},
        {**ENTITY, "end": {"$date": "9999-12-31T23:59:59Z"}},
        {**ENTITY, "end": {"$date": True}},
        {**ENTITY, "entity_id": ""},
        {**ENTITY, "project_id": 7},
        {**ENTITY, "flavor": {"name": "x"}},
        {**ENTITY, "metadata": {"x": "y" * 20_000}},
        {**VOLUME_ENTITY, "size": -1},
        {**VOLUME_ENTITY, "size": {"$numberLong": "many"}},
        {**VOLUME_ENTITY, "attached_to": [None]},
    ],
)
def test_what_nothing_can_be_made_of_is_refused(document):
    with pytest.raises(NotUsableError):
        stored(document, 1)


# --- files -----------------------------------------------------------------------------------

MANY = [{"number": number, "text": 'a "quoted" {text} ] \\ \u20ac'} for number in range(5000)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps(one) for one in MANY),
        "\n".join(json.dumps(one, ensure_ascii=False) for one in MANY) + "\n",
        json.dumps(MANY),
        json.dumps(MANY, indent=2, ensure_ascii=False),
        "\ufeff[" + ",\r\n".join(json.dumps(one) for one in MANY) + "]\n",
    ],
    ids=["lines", "lines-not-ascii", "array", "array-pretty", "array-windows"],
)
def test_files_of_both_forms_are_read(tmp_path: Path, text: str):
    path = tmp_path / "entity.json"
    path.write_text(text, encoding="utf-8", newline="")

    assert list(documents(path)) == MANY


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b"[ ]\n"])
def test_an_empty_file_has_no_documents(tmp_path: Path, content: bytes):
    path = tmp_path / "entity.json"
    path.write_bytes(content)

    assert list(documents(path)) == []


@pytest.mark.parametrize("content", [b'{"a": 1}\n{"b": ', b"\xff\xfe", b"{]}", b"[" * 100_000, b"x"])
def test_a_broken_file_is_an_error_that_says_where(tmp_path: Path, content: bytes):
    path = tmp_path / "entity.json"
    path.write_bytes(content)
    if content.startswith(b"[["):  # brackets alone are separators, and no documents
        assert list(documents(path)) == []
        return

    with pytest.raises(UsanceError, match=r"entity\.json, after \d+ characters"):
        list(documents(path))


@pytest.mark.timeout(30)
def test_a_document_as_large_as_mongodb_takes_is_no_work(tmp_path: Path):
    path = tmp_path / "entity.json"
    many = [{"b": 1}] * 1_200_000
    path.write_text(json.dumps([{"a": many}, ENTITY]))

    first, second = documents(path)

    assert (len(first["a"]), second) == (len(many), ENTITY)


def test_a_directory_stands_for_its_files(tmp_path: Path):
    for name in ("volume_type.json", "entity.json", "notes.txt"):
        (tmp_path / name).write_text("")

    assert [one.name for one in files_of([tmp_path])] == ["entity.json", "volume_type.json"]
    with pytest.raises(UsanceError, match="no file"):
        files_of([tmp_path / "notes.txt" / "x"][:0])


# --- lives -----------------------------------------------------------------------------------


def spans(*lines: str) -> list[Stored]:
    """Read lines like `10:00-12:00 small`, in the order in which Almanach inserted them."""
    found = []
    for number, line in enumerate(lines):
        period, flavor = line.split()
        start, _, end = period.partition("-")
        until = None if end == "now" else at(end)
        found.append(
            Stored(
                kind=SERVER,
                entity_id="i1",
                project_id="p1",
                start=at(start),
                end=until,
                last_event=until or at(start),
                number=number,
                flavor=flavor,
                name="web",
            )
        )
    return found


def life(*lines: str) -> tuple[list[str], list[str]]:
    found = imported(spans(*lines), "cloud-1")
    made = timeline(found.observations)
    assert made is not None
    odd = [f"{clock(one.start)} {one.what}" for one in found.odd]
    return ledger(made, "flavor"), odd


def test_spans_that_follow_one_another_are_the_life():
    assert life("10:00-11:00 small", "11:00-12:00 large", "12:00-now small") == (
        ["10:00-11:00 small", "11:00-12:00 large", "12:00-now small"],
        [],
    )


def test_a_deletion_ends_the_life():
    assert life("10:00-11:00 small", "11:00-12:00 large") == (
        ["10:00-11:00 small", "11:00-12:00 large"],
        [],
    )


def test_a_span_that_ends_before_it_starts_came_of_a_resize_that_was_late():
    assert life("10:00-12:00 small", "12:00-11:00 large", "11:00-15:00 medium") == (
        ["10:00-11:00 small", "11:00-12:00 medium", "12:00-15:00 large"],
        ["12:00 ends before it starts", "10:00 overlaps the next"],
    )


def test_an_active_span_beside_the_deletion_is_a_zombie():
    assert life("10:00-11:00 small", "11:00-12:00 large", "10:00-now small") == (
        ["10:00-11:00 small", "11:00-12:00 large"],
        ["10:00 active after its deletion"],
    )


def test_a_creation_that_was_heard_of_twice_is_one_life():
    assert life("10:00-now small", "10:00-now small") == (["10:00-now small"], ["10:00 active twice"])


def test_a_creation_that_was_heard_of_twice_does_not_end_at_a_resize():
    found, odd = life("10:00-11:00 small", "10:00-now small", "11:00-now large")

    assert found == ["10:00-11:00 small", "11:00-now large"]
    assert odd == ["11:00 active twice", "10:00 overlaps the next"]


def test_a_span_without_length_is_passed_over():
    assert life("10:00-11:00 small", "11:00-11:00 large", "11:00-now large") == (
        ["10:00-11:00 small", "11:00-now large"],
        ["11:00 has no length"],
    )


def test_a_gap_is_filled_and_said():
    assert life("10:00-11:00 small", "12:00-13:00 large") == (
        ["10:00-12:00 small", "12:00-13:00 large"],
        ["10:00 nothing until the next"],
    )


def test_an_overlap_gives_way_to_the_later_span():
    assert life("10:00-13:00 small", "12:00-now large") == (
        ["10:00-12:00 small", "12:00-now large"],
        ["10:00 overlaps the next"],
    )


_SPANS = st.lists(
    st.tuples(st.integers(10, 15), st.none() | st.integers(10, 15), st.sampled_from(["a", "b"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300)
@given(_SPANS, st.integers(0, 2**32))
def test_any_spans_make_a_life_that_their_order_has_no_part_in(drawn, seed):
    lines = [f"{start}:00-{'now' if end is None else f'{end}:00'} {flavor}" for start, end, flavor in drawn]
    ordered = spans(*lines)
    shuffled = Random(seed).sample(ordered, len(ordered))

    made = timeline(imported(ordered, "c").observations)

    assert made is not None
    assert made.launched
    assert made.begin == min(one.start for one in ordered)
    assert made == timeline(imported(shuffled, "c").observations)
    if all(one.end is not None for one in ordered):
        assert made.end is not None

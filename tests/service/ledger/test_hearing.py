"""What a collector hears, of many projects at once: kept in one transaction."""

from __future__ import annotations

from said import CLOUD, PLACE, at, batch, changed, created, deleted
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard, Named, Parked


def parked(one: str, *, when: str = "10:00", event_type: str = "compute.instance.update") -> Parked:
    body = f"message {one}".encode()
    return Parked(CLOUD, "notifications.info", body, len(body), "no id", at(when), event_type, id=one)


def test_several_projects_are_kept_at_once_and_each_has_its_own_revision(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    kept = ledger.hear(
        Heard(
            (
                changed("web", "11:00", state="stopped"),
                created("db", "10:00", project_id="project2"),
                created("db", "10:00", project_id="project2"),
            )
        )
    )

    assert (kept.inserted, kept.duplicates, kept.changed, kept.parked) == (2, 1, 2, 0)
    assert ledger.revision(*PLACE) == 2
    assert ledger.revision("project2", CLOUD) == 1


def test_what_is_heard_again_takes_no_revision(ledger: Ledger) -> None:
    heard = Heard((created("web", "10:00"), deleted("web", "12:00")))
    ledger.hear(heard)

    again = ledger.hear(heard)

    assert (again.inserted, again.duplicates, again.changed) == (0, 2, 0)
    assert ledger.revision(*PLACE) == 1


def test_names_are_remembered_each_at_its_own_instant(ledger: Ledger) -> None:
    ledger.hear(
        Heard(
            names=(
                Named("user", "u1", "anna.smith", at("12:00")),
                Named("user", "u1", "anna", at("10:00")),
                Named("project", "p1", "physics", at("10:00")),
            )
        )
    )
    ledger.hear(Heard(names=(Named("user", "u1", "anna.smith", at("13:00")),)))

    assert ledger.names("user", ["u1"]) == {"u1": "anna.smith"}
    assert ledger.names("user", ["u1"], at=at("11:00")) == {"u1": "anna"}
    assert ledger.names("project", ["p1"]) == {"p1": "physics"}


# --- messages that are put aside -------------------------------------------------------------


def test_parked_message_that_comes_again_is_counted(ledger: Ledger) -> None:
    first = ledger.hear(Heard(parked=(parked("a"), parked("b"), parked("a", when="11:00"))))
    again = ledger.hear(Heard(parked=(parked("a", when="12:00"),)))

    assert (first.parked, again.parked) == (2, 0)
    found = ledger.parking.get("a")
    assert found is not None
    assert (found.times, found.at, found.body) == (3, at("12:00"), b"message a")


def test_parked_messages_are_paged_newest_first(ledger: Ledger) -> None:
    ledger.hear(Heard(parked=tuple(parked(str(one), when=f"{10 + one // 2}:00") for one in range(7))))

    pages = [ledger.parking.page(limit=3)]
    while pages[-1]:
        pages.append(ledger.parking.page(limit=3, after=pages[-1][-1]))

    assert [[one.id for one in page] for page in pages] == [["6", "4", "5"], ["2", "3", "0"], ["1"], []]


def test_parked_messages_are_found_by_cloud_and_type(ledger: Ledger) -> None:
    ledger.hear(Heard(parked=(parked("a"), parked("b", event_type="volume.create.end"))))

    assert [one.id for one in ledger.parking.page(event_type="volume.create.end")] == ["b"]
    assert ledger.parking.page(cloud_id="region2") == []
    assert ledger.parking.counts() == {CLOUD: 2}


def test_parked_messages_are_dropped_by_their_ids(ledger: Ledger) -> None:
    ledger.hear(Heard(parked=(parked("a"), parked("b"))))

    dropped = ledger.parking.drop(["a", "c"])

    assert dropped == 1
    assert ledger.parking.get("a") is None
    assert ledger.parking.counts() == {CLOUD: 1}


def test_no_more_messages_are_kept_than_allowed_and_the_oldest_go(ledger: Ledger) -> None:
    ledger.hear(Heard(parked=tuple(parked(str(one), when=f"1{one}:00") for one in range(5))))

    gone = ledger.parking.bound(CLOUD, 3)

    assert gone == 2
    assert ledger.parking.bound(CLOUD, 3) == 0
    assert sorted(one.id for one in ledger.parking.page()) == ["2", "3", "4"]


def test_as_many_messages_are_kept_as_allowed_where_all_came_at_once(ledger: Ledger) -> None:
    ledger.hear(Heard(parked=tuple(parked(str(one)) for one in range(9))))

    gone = ledger.parking.bound(CLOUD, 3)

    assert (gone, ledger.parking.counts()) == (6, {CLOUD: 3})


def test_names_of_one_instant_are_the_same_in_any_order(ledger: Ledger) -> None:
    anna, berta, unnamed = (Named("user", "u1", name, at("10:00")) for name in ("anna", "berta", ""))
    ledger.hear(Heard(names=(berta,)))
    ledger.hear(Heard(names=(anna, unnamed)))
    ledger.hear(Heard(names=(unnamed,)))

    assert ledger.names("user", ["u1"]) == {"u1": "berta"}

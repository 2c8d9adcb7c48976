"""What is made of Cinder's notifications: the timeline of a volume, written as a ledger."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinder_messages import CLOUD, READERS, Volume, at, life, messages, read, told
from hostile_json import JSON
from usance.collector.reading import Notification, NotUnderstoodError
from usance.collector.volume_types import named, types_in, unnamed
from usance.ledger.values import Named
from usance.model.observation import Observation, Verb
from usance.model.period import EPOCH
from usance.model.resource import VOLUME, Resource
from usance.model.timeline import timeline
from usance.sources.cinder_observations import Seen, observations
from usance.sources.cinder_rows import AttachmentRow, StorageRow

DAY = (
    "10:00:00.7  create 10 ssd",
    "11:00:05.25 attach web",
    "12:00:00.5  resize 20",
    "13:00:00.5  detach web",
    "13:30:00.5  retype hdd",
    "13:45:00.5  update renamed",
    "14:00:00.5  delete",
)
SPANS = [
    "10:00:00 11:00:04 10 ssd []",
    '11:00:04 12:00:00.500000 10 ssd ["web"]',
    '12:00:00.500000 13:00:00.500000 20 ssd ["web"]',
    "13:00:00.500000 13:30:00.500000 20 ssd []",
    "13:30:00.500000 14:00:00.500000 20 hdd []",
]


def test_the_day_of_a_volume():
    found = life(read(messages(*DAY)))

    assert told(found) == SPANS
    assert found.launched
    assert found.begin_exact
    assert found.end_exact
    assert not found.doubts
    assert not found.anomalies
    assert found.describe("name") == "renamed"
    assert found.describe("name", at("13:40")) == "data"
    assert {one.values["user_id"] for one in found.spans} == {"user1"}


@given(st.lists(st.sampled_from(messages(*DAY)), max_size=4), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_number_of_messages_matters(repeated, order):
    sent = [*messages(*DAY), *repeated]
    order.shuffle(sent)

    assert life(read(sent)) == life(read(messages(*DAY)))


@given(st.sets(st.sampled_from(DAY[1:5])))
def test_what_a_lost_message_said_is_seen_in_the_next_one(lost):
    """Only from then on, and so inferred; the life, which others tell, is as long as ever."""
    found = life(read([one for one, line in zip(messages(*DAY), DAY, strict=True) if line not in lost]))

    assert (found.begin, found.end) == (at("10:00"), at("14:00:00.5"))
    assert found.spans[-1].values["size_gib"] == 20
    assert found.spans[-1].values["volume_type"] == "hdd"
    assert found.spans[-1].values["attachments"] == "[]"


def test_who_began_to_listen_late_knows_all_of_a_volume_from_its_next_message_on():
    found = life(read(messages(*DAY)[1:2]))

    assert found.begin == at("10:00")
    assert found.spans[-1].values == {
        "user_id": "user1",
        "size_gib": 10,
        "volume_type": "ssd",
        "attachments": '["web"]',
    }
    assert {one.attribute for one in found.doubts} >= {"size_gib", "volume_type"}


def row(status="in-use", size=20, attached=True, updated="2026-10-01T12:00:00.000000"):
    attachments = [AttachmentRow("a1", "web", "2026-10-01T11:00:04.000000")] if attached else []
    return StorageRow(
        id="volume1",
        name="data",
        status=status,
        size=size,
        user_id="user1",
        created_at="2026-10-01T10:00:00.000000",
        updated_at=updated,
        zone="nova",
        volume_type="ssd",
        attachments=attachments,
    )


def pulled(one, begin, end, last_look, *, is_new):
    resource = Resource("project1", CLOUD, VOLUME, "volume1")
    return observations(Seen(one, resource, "cinder-volumes", at(begin), at(end)), last_look, is_new=is_new)


def test_who_also_asks_cinder_learns_nothing_else():
    pull = [
        *pulled(row(size=10, updated="2026-10-01T11:00:05.000000"), "11:30", "11:30:02", None, is_new=True),
        *pulled(row(), "12:30", "12:30:02", at("11:30"), is_new=False),
    ]
    push = read(messages(*DAY))

    assert told(life(push + pull)) == SPANS
    assert not life(push + pull).doubts
    assert told(life(pull)) == [
        SPANS[0],
        '11:00:04 12:00:00 10 ssd ["web"]',
        '12:00:00 - 20 ssd ["web"]',
    ]


def test_a_volume_with_several_attachments_lists_them_all():
    sent = messages(
        "10:00:00.5 create 10 ssd",
        "11:00:05.5 attach web",
        "12:00:05.5 attach database",
        "13:00:05.5 detach web",
    )

    assert told(life(read(sent))) == [
        "10:00:00 11:00:04 10 ssd []",
        '11:00:04 12:00:04 10 ssd ["web"]',
        '12:00:04 13:00:05.500000 10 ssd ["database","web"]',
        '13:00:05.500000 - 10 ssd ["database"]',
    ]


def test_what_is_reserved_is_not_attached_yet():
    volume = Volume()
    volume.do("10:00 create 10 ssd")
    volume.payload["volume_attachment"] = [{"id": "a1", "instance_uuid": "web", "attach_status": "reserved"}]
    volume.do("11:00 update renamed")

    assert told(life(read(volume.sent))) == ["10:00:00 - 10 ssd []"]


def test_an_attachment_in_the_second_of_a_detachment_keeps_its_place():
    """Cinder's own date of it is cut to the second; the message that follows is not."""
    sent = messages(
        "10:00:00.5 create 10 ssd",
        "11:00:00 attach web",
        "12:00:01.5 detach web",
        "12:00:02.2 attach database",
    )

    assert told(life(read(sent)))[-1] == '12:00:02.200000 - 10 ssd ["database"]'


def test_icehouse_names_one_server_and_lists_nothing():
    volume = Volume()
    volume.do("10:00 create 10 ssd")
    for moment, suffix in (("11:00", "attach"), ("12:00", "detach")):
        message = volume.say(at(moment), f"volume.{suffix}.end", instance_uuid="web")
        del message.payload["volume_attachment"]
    volume.sent[0].payload["instance_uuid"] = "web"  # it stood in all of them, whatever it meant

    assert told(life(read(volume.sent))) == [
        "10:00:00 11:00:00 10 ssd []",
        '11:00:00 12:00:00 10 ssd ["web"]',
        "12:00:00 - 10 ssd []",
    ]


# --- types -----------------------------------------------------------------------------------


def test_a_type_without_a_name_costs_nothing_and_is_exact_once_anything_tells_it():
    sent = messages(*DAY[:3])
    unnamed = read(sent, {})

    assert types_in(unnamed) == {"type-ssd"}
    assert [line.split()[2:] for line in told(life(unnamed))] == [
        ["10", "None", "[]"],
        ["10", "None", '["web"]'],
        ["20", "None", '["web"]'],
    ]

    pull = pulled(row(), "12:30", "12:30:02", None, is_new=True)
    assert told(life(unnamed + pull)) == [*SPANS[:2], '12:00:00.500000 - 20 ssd ["web"]']
    assert not life(unnamed + pull).doubts


def test_the_ledger_is_asked_for_the_types_of_a_batch_at_once_and_told_which_have_no_name():
    asked = []
    found = read(messages(*DAY), {})

    def known(kind, ids):
        asked.append((kind, ids))
        return {"type-ssd": "ssd", "type-hdd": ""}

    once = named(found, [], known)

    assert asked == [("volume_type", ["type-hdd", "type-ssd"])]
    assert unnamed(once) == (Named("volume_type", "type-hdd", "", EPOCH),)
    news = [Named("volume_type", "type-hdd", "hdd", at("13:00")), Named("user", "type-ssd", "x", at("13:00"))]
    assert told(life(named(found, news, known))) == SPANS
    assert unnamed(named(found, news, known)) == ()
    assert named(found[:0], news, None) == []


def test_a_message_read_again_once_its_type_has_a_name_makes_what_it_would_have_made():
    sent = messages(*DAY)
    early = [*read(sent[:4], {}), *read(sent[4:])]

    assert told(life([*early, *read(sent)])) == SPANS
    assert not life([*early, *read(sent)]).doubts


def test_types_are_named_by_their_own_messages():
    row = {"id": "type-ssd", "name": "ssd", "created_at": "2014-02-14T17:18:35.036186Z"}
    bare = Notification("volume_type.create", {"volume_types": row}, None)
    renamed = Notification("volume_type.update", {"volume_types": row | {"name": "fast"}}, at("11:00"))
    failed = Notification(
        "volume_type.create", {"volume_types": {"name": "ssd"}, "error_message": "exists"}, at("12:00")
    )

    named = [one for message in (bare, renamed, failed) for one in _names(message)]

    assert named == [
        Named("volume_type", "type-ssd", "ssd", datetime(2014, 2, 14, 17, 18, 35, 36186, UTC)),
        Named("volume_type", "type-ssd", "fast", at("11:00")),
    ]


def _names(message):
    reading = READERS[message.event_type](message, CLOUD)
    assert not reading.observations
    return reading.names


# --- transfers -------------------------------------------------------------------------------


def test_a_transfer_ends_one_life_and_begins_another_at_the_same_instant():
    found = read(
        messages(
            "10:00:00.7 create 10 ssd", "12:00 offer", "12:00:01.5 accept project2 user2", "13:00 resize 20"
        )
    )
    left = next(one for one in found if one.verb is Verb.LEFT)
    entered = next(one for one in found if one.verb is Verb.ENTERED)

    assert left.resource == Resource("", CLOUD, VOLUME, "volume1")
    assert (left.at, left.occurrence) == (entered.at, entered.occurrence)
    donor, recipient = (life(copied_to(found, one), one) for one in ("project1", "project2"))
    assert told(donor) == ["10:00:00 12:00:01.500000 10 ssd []"]
    assert told(recipient) == ["12:00:01.500000 13:00:00 10 ssd []", "13:00:00 - 20 ssd []"]
    assert recipient.spans[0].values["user_id"] == "user2"
    assert not donor.anomalies + recipient.anomalies


def test_a_volume_that_goes_round_is_of_one_project_at_a_time():
    found = read(
        messages(
            "10:00:00.7 create 10 ssd",
            "11:00 accept project2 user2",
            "12:00 accept project3 user3",
            "13:00 accept project1 user1",
            "14:00 delete",
        )
    )
    first, second, third = (life(copied_to(found, f"project{one}"), f"project{one}") for one in (1, 2, 3))

    assert told(second) == ["11:00:00 12:00:00 10 ssd []"]
    assert told(third) == ["12:00:00 13:00:00 10 ssd []"]
    assert (first.begin, first.end) == (at("10:00"), at("14:00"))


def copied_to(found: list[Observation], project_id: str) -> list[Observation]:
    """Return what a ledger has that copies to each owner what stands under no project."""
    return [
        one
        if one.resource.project_id
        else msgspec.structs.replace(
            one, resource=msgspec.structs.replace(one.resource, project_id=project_id)
        )
        for one in found
    ]


# --- audits ----------------------------------------------------------------------------------


def audit(volume, moment, suffix="exists", period="12:00"):
    return volume.say(
        at(moment),
        f"volume.{suffix}",
        audit_period_beginning="2026-10-01 11:00:00+00:00",
        audit_period_ending=f"2026-10-01 {period}:00+00:00",
    )


def test_an_audit_confirms_what_is_known():
    volume = Volume()
    for line in DAY[:3]:
        volume.do(line)
    before = life(read(volume.sent))
    sent = audit(volume, "12:05:30.5")

    assert [(one.source, one.verb, one.begin) for one in read([sent])] == [
        ("cinder-audit", "seen", at("12:00"))
    ]
    assert life(read(volume.sent)) == before


def test_an_audit_that_tells_late_of_what_is_deleted_by_now_keeps_nothing_alive():
    """It reads its rows at once and sends one message after the other, which takes its time."""
    volume = Volume()
    volume.do("10:00 create 10 ssd")
    late = audit(volume, "12:30")
    volume.do("12:10 delete")

    found = life(read(volume.sent))

    assert late in volume.sent
    assert (found.end, found.anomalies) == (at("12:10"), ())


def test_an_audit_tells_of_what_was_deleted_in_its_period():
    volume = Volume()
    created = volume.do("10:00 create 10 ssd")
    deleted = volume.do("11:30 delete")
    told_of = audit(volume, "12:00:05")

    assert life(read([created, told_of])).end == at("12:00:05")
    assert not life(read([created, told_of])).end_exact
    assert life(read([created, deleted, told_of])).end == at("11:30")


def test_an_audit_that_repeats_creations_tells_of_the_volume_as_it_is_by_then():
    volume = Volume()
    volume.do("10:00 create 10 ssd")
    volume.do("11:00 resize 20")
    repeated = audit(volume, "12:05", "create.end", period="10:00")

    assert told(life(read(volume.sent))) == ["10:00:00 11:00:00 10 ssd []", "11:00:00 - 20 ssd []"]
    assert life(read([repeated])).begin == at("10:00")


def test_an_audit_that_repeats_deletions_dates_them():
    volume = Volume()
    volume.do("10:00 create 10 ssd")
    volume.payload["status"] = "deleted"
    audit(volume, "12:05", "delete.end", period="11:30")

    assert life(read(volume.sent)).end == at("11:30")
    assert life(read(volume.sent)).end_exact


# --- what never came to be, snapshots and backups -----------------------------------------------


def test_a_volume_that_failed_never_was_there():
    volume = Volume()
    volume._create(at("10:00"), "10", "ssd")
    volume.payload |= {"status": "error", "launched_at": "2026-10-01T11:00:00.000001+00:00"}
    volume.say(at("10:30"), "volume.update.end")
    volume.payload["status"] = "deleted"
    volume.say(at("11:00:00.1"), "volume.delete.end")

    found = life(read(volume.sent))

    assert not found.launched
    assert found.end == at("11:00:00.1")


def test_a_deletion_alone_tells_of_the_whole_life():
    found = life(read(messages(*DAY)[-1:]))

    assert (found.begin, found.end, found.launched) == (at("10:00"), at("14:00:00.5"), True)
    assert found.spans[0].values["size_gib"] == 20


@pytest.mark.parametrize(("kind", "size"), [("snapshot", "volume_size"), ("backup", "size")])
def test_snapshots_and_backups(kind, size):
    payload = {
        f"{kind}_id": "one",
        "volume_id": "volume1",
        "tenant_id": "project1",
        "user_id": "user1",
        "availability_zone": "nova",
        "display_name": "before the upgrade",
        "status": "available",
        "created_at": "2026-10-01T10:00:00+00:00",
        size: 10,
    }
    sent = [
        Notification(f"{kind}.create.end", payload, at("10:00:07.5")),
        Notification(f"{kind}.exists", payload, at("11:00:07.5")),
        Notification(f"{kind}.delete.end", payload | {"status": "deleted"}, at("12:00:00.5")),
    ]

    found = life(read(sent))

    assert found.resource == Resource("project1", CLOUD, kind, "one")
    assert (found.begin, found.end, found.launched) == (at("10:00"), at("12:00:00.5"), True)
    assert [one.values for one in found.spans] == [{"user_id": "user1", "size_gib": 10}]
    assert found.describe("volume_id") == "volume1"
    assert not found.doubts


# --- what nobody should send ------------------------------------------------------------------


def test_a_resource_without_a_project_is_kept_until_its_owner_is_known():
    message = messages(DAY[0])[0]
    del message.payload["tenant_id"]

    assert read([message])[0].resource.project_id == ""


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        (DAY[0], "volume_id", None),
        (DAY[0], "volume_id", 17),
        (DAY[0], "created_at", None),
        (DAY[0], "created_at", "yesterday"),
        (DAY[0], "size", None),
        (DAY[0], "size", -1),
        (DAY[0], "size", "ten"),
        (DAY[0], "user_id", ["user1"]),
        (DAY[0], "volume_attachment", "web"),
        (DAY[1], "volume_attachment", [{"instance_uuid": 7}]),
        (DAY[1], "volume_attachment", None),
        (DAY[2], "size", None),
        (DAY[4], "volume_type", None),
    ],
)
def test_what_lacks_what_it_must_say_is_not_understood(line, field, value):
    message = messages(*DAY)[DAY.index(line)]
    message.payload[field] = value

    with pytest.raises(NotUnderstoodError):
        read([message])


@pytest.mark.parametrize("line", DAY[1:])
def test_what_nothing_dates_is_not_understood(line):
    message = messages(*DAY)[DAY.index(line)]

    with pytest.raises(NotUnderstoodError, match="timestamp"):
        read([msgspec.structs.replace(message, timestamp=None)])


FIELDS = st.sampled_from([*messages(DAY[0])[0].payload, "audit_period_ending", "volume_types"])


@given(st.sampled_from(sorted(READERS)), st.dictionaries(FIELDS, JSON, max_size=4), st.booleans())
def test_any_payload_is_read_or_refused(event_type, spoilt, is_dated):
    payload = messages(*DAY[:2])[1].payload | spoilt
    message = Notification(event_type, payload, at("11:00") if is_dated else None)

    try:
        reading = READERS[event_type](message, CLOUD)
    except NotUnderstoodError:
        return

    for one in reading.observations:
        msgspec.json.encode(one)
        timeline([one])

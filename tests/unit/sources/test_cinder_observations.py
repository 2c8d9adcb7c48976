"""What Cinder's rows say, also those that nobody should write."""

from datetime import UTC, datetime, timedelta

from usance.model.observation import Verb
from usance.model.resource import ATTACHMENTS, Resource
from usance.sources.cinder_observations import Seen, has_entered, observations, sighting
from usance.sources.cinder_rows import AttachmentRow, StorageRow

NOON = datetime(2026, 10, 10, 12, tzinfo=UTC)


def seen(kind="volume", **row):
    values = {
        "id": "volume1",
        "created_at": "2026-10-01T00:00:00.000000",
        "size": 10,
        "user_id": "user1",
        "status": "available",
    }
    resource = Resource("project1", "region1", kind, "volume1")
    return Seen(StorageRow(**values | row), resource, "cinder", NOON, NOON + timedelta(seconds=2))


def said(one, last_look=None, *, is_new=True):
    return [
        (each.verb.value, f"{each.at:%d %H:%M:%S}", each.accounted.get(ATTACHMENTS), each.untold)
        for each in observations(one, last_look, is_new=is_new)
    ]


def test_a_row_of_which_little_is_known_says_little():
    row = seen(created_at=None, size=None, user_id=None, status=None)

    assert said(row) == [("seen", "10 12:00:02", "[]", ())]
    assert not sighting(row).launched


def test_what_it_is_attached_to_may_be_no_server():
    attached = [AttachmentRow(attachment_id="a1", attached_at="2026-10-02T00:00:00.000000")]

    assert said(seen(attachments=attached))[:2] == [
        ("created", "01 00:00:00", "[]", ()),
        ("changed", "02 00:00:00", '["a1"]', ()),
    ]


def test_an_attachment_at_no_time_or_an_impossible_one_is_only_seen():
    for instant in (None, "", "2026-09-30T00:00:00.000000", "2026-10-10T12:00:03.000000"):
        row = seen(attachments=[AttachmentRow("a1", "web", instant)])

        assert [one[0] for one in said(row)] == ["created", "seen"]
        assert said(row)[-1][2] == '["web"]'


def test_several_attachments_leave_untold_what_all_of_them_were():
    attached = [
        AttachmentRow("a2", "web", "2026-10-03T00:00:00.000000"),
        AttachmentRow("a1", "database", "2026-10-02T00:00:00.000000"),
    ]

    assert said(seen(attachments=attached, updated_at="2026-10-03T00:00:00.000000")) == [
        ("created", "01 00:00:00", "[]", ()),
        ("changed", "03 00:00:00", None, (ATTACHMENTS,)),
        ("changed", "02 00:00:00", None, (ATTACHMENTS,)),
        ("seen", "03 00:00:00", None, ()),
        ("seen", "10 12:00:02", '["database","web"]', ()),
    ]


def test_a_row_is_as_it_is_since_it_was_written_last_if_that_is_later_than_the_last_look():
    row = seen(updated_at="2026-10-05T00:00:00.000000")

    assert [one[1] for one in said(row, is_new=False)] == ["05 00:00:00", "10 12:00:02"]
    before, after = (datetime(2026, 10, day, tzinfo=UTC) for day in (4, 6))
    assert len(said(row, before, is_new=False)) == 2
    assert len(said(row, after, is_new=False)) == 1
    assert len(said(seen(updated_at="2026-10-10T12:00:01.000000"), is_new=False)) == 1


def test_statements_do_not_depend_on_when_it_was_seen_or_written():
    first, later = (
        seen(updated_at="2026-10-05T00:00:00.000000"),
        seen(updated_at="2026-10-06T00:00:00.000000"),
    )

    assert sighting(first).statement == sighting(later).statement
    assert sighting(first).statement != sighting(seen(size=11)).statement


def test_a_snapshot_has_no_attachments():
    found = observations(seen("snapshot", volume_id="v1"), None, is_new=True)

    assert [(one.verb, one.accounted) for one in found] == [
        (Verb.CREATED, {}),
        (Verb.SEEN, {"user_id": "user1", "size_gib": 10}),
    ]


def test_what_is_older_than_a_look_that_did_not_show_it_has_entered():
    row = seen().row
    tolerance = timedelta(seconds=5)
    created = datetime(2026, 10, 1, tzinfo=UTC)

    assert has_entered(row, created + timedelta(seconds=6), tolerance)
    assert not has_entered(row, created + timedelta(seconds=5), tolerance)
    assert not has_entered(row, None, tolerance)


def test_texts_are_bounded():
    one = sighting(seen(name="x" * 5000, user_id="u" * 5000, volume_type="t" * 5000))

    assert {len(str(value)) for value in one.described.values()} == {1024, 9}
    assert max(len(str(value)) for value in one.accounted.values()) == 1024

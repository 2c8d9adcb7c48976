"""Which state and flavor a row asserts, and what its times mean."""

from datetime import UTC, datetime

import pytest

from usance.sources.nova_rows import ServerRow, parse_instant
from usance.sources.nova_states import asserts_flavor, state_of


@pytest.mark.parametrize(
    ("status", "vm_state", "state"),
    [
        ("REBOOT", "active", "active"),
        ("VERIFY_RESIZE", "resized", "resized"),
        ("RESIZE", "stopped", "stopped"),
        ("SOFT_DELETED", "soft-delete", "soft-delete"),
        ("SHUTOFF", None, "stopped"),
        ("VERIFY_RESIZE", None, "resized"),
        ("SHELVED_OFFLOADED", None, "shelved_offloaded"),
        *((one, None, None) for one in ("RESIZE", "REVERT_RESIZE", "REBOOT", "HARD_REBOOT", "REBUILD")),
        *((one, None, None) for one in ("PASSWORD", "MIGRATING", "UNKNOWN", "NEW", None)),
    ],
)
def test_transient_status_asserts_no_state(status, vm_state, state):
    assert state_of(ServerRow("i", status=status, vm_state=vm_state)) == state


@pytest.mark.parametrize(
    ("row", "asserted"),
    [
        (ServerRow("i", status="ACTIVE", vm_state="active"), True),
        (ServerRow("i", status="RESIZE", vm_state="active", task_state="resize_migrating"), False),
        (ServerRow("i", status="REVERT_RESIZE", vm_state="resized", task_state="resize_reverting"), False),
        (ServerRow("i", status="VERIFY_RESIZE", vm_state="resized"), True),
        (ServerRow("i", status="RESIZE"), False),
        (ServerRow("i", status="VERIFY_RESIZE"), True),
        (ServerRow("i", status="DELETED", vm_state="deleted"), True),
    ],
)
def test_flavor_amid_a_resize_is_not_asserted(row, asserted):
    assert asserts_flavor(row) is asserted


@pytest.mark.parametrize(
    ("row", "partial"),
    [
        (ServerRow("i", status="UNKNOWN", created="2026-11-01T00:00:00Z", tenant_id="p"), True),
        (ServerRow("i"), True),
        (ServerRow("i", status="UNKNOWN", vm_state="odd", updated="2026-11-01T00:00:00Z"), False),
        (ServerRow("i", status="ACTIVE"), False),
    ],
)
def test_row_of_a_cell_that_is_down_is_partial(row, partial):
    assert row.is_partial is partial


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T23:06:04Z",
        "2026-11-21T23:06:04.000000",
        "2026-11-21 23:06:04+00:00",
        "2026-11-21 23:06:04",
        "2026-11-22T00:06:04+01:00",
    ],
)
def test_each_form_of_novas_times_is_read_as_utc(text):
    assert parse_instant(text) == datetime(2026, 11, 21, 23, 6, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", None])
def test_missing_time_is_none(text):
    assert parse_instant(text) is None

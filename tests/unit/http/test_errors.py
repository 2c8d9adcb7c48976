"""What an error answer says, on one line."""

import pytest

from usance.http.errors import StatusError, one_line, reason_of


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": {"code": 401, "message": "The request requires authentication."}}',
         "The request requires authentication."),
        (b'{"itemNotFound": {"message": "Instance could not be found."}}', "Instance could not be found."),
        (b'{"message": "two\\nlines\\u001b[31m"}', "two lines [31m"),
        (b"<html>Bad Gateway</html>", ""),
        (b'{"error": ', ""),
        (b"[]", ""),
        (b"{}", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
)  # fmt: skip
def test_reason_is_found_below_any_key(body, reason):
    assert reason_of(body) == reason


def test_line_is_bounded():
    assert len(one_line("x" * 5000)) == 200


def test_status_error_names_service_path_and_what_to_do():
    error = StatusError("Nova", "GET", "/v2.1/servers/detail", 403, "Policy doesn't allow this.")

    assert str(error) == (
        "Nova answered 403 to GET /v2.1/servers/detail: Policy doesn't allow this."
        " (the account's roles do not allow this; see the service's policy)"
    )

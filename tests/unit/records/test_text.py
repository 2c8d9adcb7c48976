import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apel_arithmetic import parse_message
from server_timelines import at, server
from usance.records.cloud import cloud_records
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.text import ascii_text, is_null, is_safe_text, safe_text
from usance.records.validate_cloud import message_findings

CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("web-1", "web-1"),
        ("Zürich Straße", "Zurich Strasse"),
        ("Łódź", "Lodz"),
        ("naïve ﬁne", "naive fine"),
        ("服务器", "???"),
        ("a\nVO: b", "a VO: b"),
        ("a\r\n\tb\x00\x1b", "a   b"),
        ("line\u2028separator\x85next", "line separator next"),
        ("100%", "100%"),
        ("a%%b", "a% %b"),
        ("%%%", "% % %"),
        ("\uff05\uff05", "% %"),
        ("\ud800", ""),
        ("\u201cquoted\u201d \u2013 dash", '"quoted" - dash'),
        ("  x  ", "x"),
        ("x" * 300, "x" * 255),
        ("x" * 254 + " y", "x" * 254),
    ],
)
def test_text_is_written_as_a_message_can_carry_it(text, safe):
    assert safe_text(text) == safe


@given(st.text())
@example("%" * 300)
@example("\x1c%\x1c%")
def test_safe_text_is_safe_and_stays_as_it_is(text):
    safe = safe_text(text)

    assert is_safe_text(safe)
    assert safe_text(safe) == safe
    assert ascii_text(text).isascii()


@given(st.text(st.characters(), max_size=300), st.text(max_size=40))
@example("a%%b\nSiteName: other", "")
@example("None", "null")
def test_any_name_comes_back_from_the_receivers_parser_and_harms_no_other_record(name, user_name):
    context = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org", user_names={"user1": user_name})
    first, second = (
        cloud_records(
            server(("2026-10-01", {}), server_id=one, described={"name": name}), at("2026-10-02"), context
        )[0]
        for one in ("a", "b")
    )
    form = CloudV04()

    message = form.pack([form.render(first), form.render(second)])

    parsed = parse_message(message)
    assert [record["VMUUID"] for record in parsed] == ["a", "b"]
    assert {record.get("MachineName", "") for record in parsed} == {
        safe_text(name.encode("utf-8", "replace").decode())
    }
    assert {record["SiteName"] for record in parsed} == {"TEST-Site"}
    assert message_findings(message) == []


@pytest.mark.parametrize("text", ["", "  ", "None", "NULL", "nUlL"])
def test_null_words_are_known(text):
    assert is_null(text)

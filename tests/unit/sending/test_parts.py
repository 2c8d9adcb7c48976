"""Messages are cut between their records, and lose and change nothing by it."""

import json

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from usance.sending.parts import Letter, halves, in_ascii

NAMESPACE = "http://eu-emi.eu/namespaces/2011/02/storagerecord"


def text_message(records):
    return ("APEL-cloud-message: v0.4\n" + "\n%%\n".join(records) + "\n").encode()


def json_message(records):
    return json.dumps({"Type": "APEL Public IP message", "Version": "v0.2", "UsageRecords": records}).encode()


def xml_message(ids):
    inner = "".join(f'<sr:StorageUsageRecord sr:id="{one}"><sr:Site/></sr:StorageUsageRecord>' for one in ids)
    return f'<sr:StorageUsageRecords xmlns:sr="{NAMESPACE}">{inner}</sr:StorageUsageRecords>'.encode()


def leaves(letter):
    cut = halves(letter)
    return [letter] if cut is None else [*leaves(cut[0]), *leaves(cut[1])]


@given(st.integers(1, 20))
def test_every_part_of_a_text_is_a_message_with_one_of_the_records(count):
    records = [f"VMUUID: {number}\nSiteName: S" for number in range(count)]

    parts = leaves(Letter("a/b", text_message(records)))

    assert [one.body for one in parts] == (
        [text_message([one]) for one in records] if count > 1 else [text_message(records)]
    )
    assert len({one.name for one in parts}) == count


@given(
    st.lists(
        st.dictionaries(
            st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
        ),
        min_size=1,
    )
)
def test_records_in_json_stay_byte_for_byte_what_they_were(records):
    parts = leaves(Letter("n", json_message(records)))

    assert [json.loads(one.body)["UsageRecords"] for one in parts] == [[one] for one in records]
    assert all(json.dumps(record).encode() in one.body for one, record in zip(parts, records, strict=True))
    assert {json.loads(one.body)["Version"] for one in parts} == {"v0.2"}


@given(st.integers(1, 20))
def test_records_in_xml_keep_their_root(count):
    whole = xml_message(range(count))

    parts = leaves(Letter("n", whole))

    roots = [ElementTree.fromstring(one.body) for one in parts]
    assert {root.tag for root in roots} == {f"{{{NAMESPACE}}}StorageUsageRecords"}
    assert [one.get(f"{{{NAMESPACE}}}id") for root in roots for one in root] == [str(n) for n in range(count)]
    assert all(len(root) == 1 for root in roots)


def test_the_names_of_parts_depend_on_the_first_name_only():
    body = text_message(["VMUUID: 1", "VMUUID: 2", "VMUUID: 3", "VMUUID: 4"])

    names = [one.name for one in leaves(Letter("5f/6e", body))]

    assert names == ["5f/6e-00", "5f/6e-01", "5f/6e-10", "5f/6e-11"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no header\n%%\nat all\n",
        b"{",
        b'{"UsageRecords": {}}',
        b'{"UsageRecords": [1]}',
        b"[1, 2]",
        b"<a><b/></a>",
        b"<a><b/><b/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a><b/><b/></a>',
        b"APEL-cloud-message: v0.4\nVMUUID: 1\n%%\n\n%%\n",
        b"[" * 100_000,
        b'{"UsageRecords": ' + b"[" * 100_000,
    ],
)
def test_what_has_no_two_records_is_not_cut(body):
    assert halves(Letter("n", body)) is None


@given(st.dictionaries(st.text(), st.text()))
def test_json_in_ascii_says_the_same(content):
    found = in_ascii(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    if found is not None:
        assert found.isascii()
        assert json.loads(found) == content


def test_xml_in_ascii_says_the_same():
    found = in_ascii("<?xml version='1.0' encoding='utf-8'?><a b='ü'>\N{SNOWMAN}<c>é</c></a>".encode())

    assert found == b"<a b='&#252;'>&#9731;<c>&#233;</c></a>"


@pytest.mark.parametrize(
    "text",
    [
        "APEL-cloud-message: v0.4\nVMUUID: ü\n",
        "{'ü'}",
        "{\N{NO-BREAK SPACE}}",
        "<ü/>",
        "<a><!-- ü --></a>",
        "<a><![CDATA[ü]]></a>",
        "<!DOCTYPE a><a>ü</a>",
        "<a>ü",
    ],
)
def test_what_has_no_escape_stays_as_it_is(text):
    assert in_ascii(text.encode()) is None
    assert in_ascii(text.encode("latin-1") if text.isascii() else b"\xff\xfe") is None


def test_ascii_is_not_touched():
    assert in_ascii(b"{not even JSON") == b"{not even JSON"

"""Our rules for storage messages are held to the verdicts of APEL's own code."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_timelines import at
from storage_timelines import volume
from usance.records.context import RecordContext
from usance.records.star import CLOSING, OPENING
from usance.records.storage import storage_records
from usance.records.storage_star import StorageStar
from usance.records.validate_storage import message_findings, text_findings
from usance.records.wire import MAX_MESSAGE_BYTES

CORPUS = json.loads((Path(__file__).parent / "apel_star_verdicts.json").read_text())
CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org")
FORM = StorageStar()
TEXT = FORM.render(storage_records(volume(("2026-10-01", {})), at("2026-10-02"), CONTEXT)[0])


def test_the_corpus_holds_what_apel_takes_and_what_it_refuses():
    verdicts = [case["verdict"] for case in CORPUS]

    assert verdicts.count("accepted") > 30
    assert len(verdicts) - verdicts.count("accepted") > 30


@pytest.mark.parametrize("case", CORPUS, ids=[case["name"] for case in CORPUS])
def test_what_apel_refuses_we_refuse(case):
    """Where we refuse more, the case says so; everything else that APEL takes, we let out."""
    findings = message_findings(case["message"].encode())

    assert bool(findings) == (case["verdict"] != "accepted" or case["stricter"]), findings


def test_findings_name_the_field_and_the_reason():
    text = TEXT.replace(">1</sr:FileCount>", ">many</sr:FileCount>").replace(
        "<sr:Site>TEST-Site</sr:Site>", ""
    )

    assert [str(one) for one in text_findings(text)] == [
        "FileCount: 'many' is no whole number of 0 or more",
        "Site: is mandatory",
    ]


def test_a_text_that_would_be_two_records_is_none():
    assert "2 elements" in str(text_findings(TEXT + TEXT)[0])
    assert text_findings(f"{TEXT}{CLOSING}{OPENING}")


def test_a_message_that_the_wire_would_not_take_is_found():
    number = MAX_MESSAGE_BYTES // len(TEXT) + 1
    texts = [TEXT.replace('recordId="', f'recordId="{one}') for one in range(number)]

    assert message_findings(FORM.pack(texts[:100])) == []
    assert "more than the wire takes" in str(message_findings(FORM.pack(texts))[0])


def test_a_bomb_is_not_opened():
    entities = "".join(f'<!ENTITY e{one + 1} "{f"&e{one};" * 10}">' for one in range(9))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "x">{entities}]>{OPENING}&e9;{CLOSING}'

    assert "declares a document type" in str(message_findings(bomb.encode())[0])


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_garbage_has_findings_and_raises_nothing(garbage):
    assert message_findings(garbage)
    assert message_findings(OPENING.encode() + garbage + CLOSING.encode())
    assert message_findings(b"<" + garbage)


def test_deep_nesting_is_no_hurdle():
    assert message_findings(("<a>" * 50_000).encode())
    assert message_findings((OPENING + "<a>" * 20_000 + "</a>" * 20_000 + CLOSING).encode())

"""Our rules are held to the verdicts of APEL's own code, which `make judges` records anew."""

import json
from pathlib import Path

import pytest

from server_timelines import at, server
from usance.records.cloud import cloud_records
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.validate_cloud import MAX_MESSAGE_BYTES, message_findings, text_findings

CORPUS = json.loads((Path(__file__).parent / "apel_verdicts.json").read_text())
CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org")


def test_the_corpus_holds_what_apel_takes_and_what_it_refuses():
    verdicts = [case["verdict"] for case in CORPUS]

    assert verdicts.count("accepted") > 20
    assert len(verdicts) - verdicts.count("accepted") > 80


@pytest.mark.parametrize("case", CORPUS, ids=[case["name"] for case in CORPUS])
def test_what_apel_refuses_we_refuse(case):
    """Where we refuse more, the case says so; everything else that APEL takes, we let out."""
    findings = message_findings(case["message"].encode())

    assert bool(findings) == (case["verdict"] != "accepted" or case["stricter"])


def test_a_message_that_the_wire_would_not_take_is_found():
    form = CloudV04()
    text = form.render(cloud_records(server(("2026-10-01", {})), at("2026-10-02"), CONTEXT)[0])
    texts = [
        text.replace("VMUUID: ", f"VMUUID: {number}") for number in range(MAX_MESSAGE_BYTES // len(text) + 1)
    ]

    assert message_findings(form.pack(texts[:100])) == []
    assert "more than the wire takes" in str(message_findings(form.pack(texts))[0])


def test_findings_name_the_field_and_the_reason():
    assert [str(one) for one in text_findings("VMUUID: a\nSiteName: none\nMemory: 1.5\n")] == [
        "Memory: '1.5' is not an integer",
        "SiteName: is mandatory",
    ]


def test_a_mebibyte_of_garbage_is_no_hurdle():
    assert message_findings(b"\xff" * 2**20)
    assert message_findings(b"APEL-cloud-message: v0.4\n" + b"%" * 2**20)

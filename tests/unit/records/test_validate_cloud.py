"""Our rules are held to the verdicts of APEL's own code, which `make judges` records anew."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_timelines import at, server
from usance.records import apel
from usance.records.cloud import cloud_records
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.validate_cloud import (
    _PLAIN,
    _line_findings,
    message_findings,
    text_findings,
)
from usance.records.wire import MAX_MESSAGE_BYTES

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


PLAIN = {
    "Benchmark": "12.5",
    "BenchmarkType": "HEPscore23",
    "CloudComputeService": "cloud.test.org",
    "CloudType": "usance",
    "CpuCount": "2",
    "CpuDuration": "7200",
    "Disk": "20",
    "EndTime": "1700003600",
    "FQAN": "/vo.example.org/Role=NULL",
    "GlobalUserName": "Ada",
    "ImageId": "image",
    "LocalGroupId": "project",
    "LocalUserId": "user",
    "MachineName": "a: b",
    "Memory": "2048",
    "PublicIPCount": "0",
    "RecordCreateTime": "1700003600",
    "SiteName": "TEST-Site",
    "StartTime": "1700000000",
    "Status": "completed",
    "SuspendDuration": "0",
    "VMUUID": "b0c1",
    "WallDuration": "3600",
}
ODD = st.sampled_from(
    [
        "",
        "none",
        "NULL",
        " none",
        "-1",
        "1_0",
        "1.5",
        "9" * 7,
        "9" * 8,
        "9" * 10,
        "9" * 12,
        "9" * 18,
        "9" * 19,
        "9" * 20,
        "/",
        "//",
        "/vo",
        "x" * 50,
        "x" * 51,
        "x" * 255,
        "x" * 256,
        "%%",
        "%",
        "a b",
        " a",
        "a ",
        "\xe9",
        "0",
        "00",
        "1.",
        ".5",
        "1700000001",
        "253402300799",
        "253402300800",
        "\u0661",
        "a\x0bb",
        "a\rb",
        "started",
    ]
)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("value"), st.sampled_from(sorted(PLAIN)), st.one_of(ODD, st.text(max_size=4))),
        st.tuples(st.just("without"), st.sampled_from(sorted(PLAIN)), st.just("")),
        st.tuples(st.just("again"), st.sampled_from(sorted(PLAIN)), ODD),
        st.tuples(
            st.just("key"), st.sampled_from(sorted(PLAIN)), st.sampled_from(["VO", "Other", "", "Disk"])
        ),
    ),
    max_size=3,
)


@given(EDITS, st.sampled_from(_PLAIN), st.sampled_from(["", "\n", "\n\n"]), st.booleans())
def test_what_is_plain_at_a_glance_is_faultless_line_by_line(edits, pattern, end, later):
    order = apel.ORDER_V02 if pattern is _PLAIN[1] else sorted(PLAIN)
    lines = [[key, PLAIN[key]] for key in order]
    for edit, key, value in edits:
        place = order.index(key) if key in order else 0
        match edit:
            case "value":
                lines[place] = [key, value]
            case "without":
                lines[place] = []
            case "again":
                lines.append([key, value])
            case "key":
                lines[place][:1] = [value]
    if later and lines[0]:
        lines.append(lines.pop(0))
    text = "\n".join(": ".join(line) for line in lines if line) + end

    assert text_findings(text) == _line_findings(text)


def test_what_we_render_is_plain():
    for pattern, order in zip(_PLAIN, (sorted(PLAIN), apel.ORDER_V02), strict=True):
        assert pattern.fullmatch("".join(f"{key}: {PLAIN[key]}\n" for key in order))

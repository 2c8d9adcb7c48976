"""Queues sent to AMS over real HTTPS: what arrives, and what becomes of everything that can't."""

from __future__ import annotations

import msgspec
import orjson
import pytest
from dirq.QueueSimple import QueueSimple

from apel_messages import cloud_message, filled, record
from received import opened
from usance.config.settings import QueueSettings
from usance.sending.ams import AmsTransport, _json
from usance.sending.publishing import publish
from usance.sending.transport import Parcel

TOPIC = "eu-egi-cloud-accounting"


def left_in(queue):
    return QueueSimple(str(queue)).count()


def dead(queue):
    """Return the dead letters of a queue, with their reasons."""
    path = queue.with_name(f"{queue.name}-dead")
    files = {str(one.relative_to(path)): one.read_text("latin-1") for one in path.rglob("*") if one.is_file()}
    return {name: files[f"{name}.reason"] for name in files if not name.endswith(".reason")}


def same(text):
    return b"\n".join(text.strip().splitlines())


def test_messages_arrive_signed_in_their_order_and_the_queue_is_empty(place, ams, settings, queue):
    bodies = [cloud_message(record(number)) for number in range(25)]
    names = filled(queue, *bodies)

    report = publish(settings)

    assert report.exit_status == 0
    assert (report.queues[0].sent, report.queues[0].left) == (25, 0)
    assert ams.names() == names
    assert sorted(opened(place, text) for text in ams.texts()) == sorted(same(one) for one in bodies)
    assert left_in(queue) == 0
    assert ams.subjects == ["/domainComponent=org/domainComponent=example/commonName=host.example.org"]
    assert len(ams.publishes()) == 3  # batches of ten


def test_messages_are_encrypted_for_the_receiver(place, ams, encrypting, queue):
    body = cloud_message(record(1), record(2))
    filled(queue, body)

    assert publish(encrypting).exit_status == 0

    [text] = ams.texts()
    assert b"SiteName" not in text
    assert opened(place, text, encrypting.server_cert) == same(body)


@pytest.mark.parametrize("cipher", ["aes128", "aes256"])
def test_both_ciphers_are_read_by_openssl(place, ams, encrypting, queue, cipher):
    filled(queue, cloud_message(record(1)))

    publish(msgspec.structs.replace(encrypting, cipher=cipher))

    assert opened(place, ams.texts()[0], encrypting.server_cert)


def test_a_token_of_the_configuration_needs_no_authentication(ams, settings, queue):
    ams.tokens.add("given")
    filled(queue, cloud_message(record(1)))

    report = publish(msgspec.structs.replace(settings, token="given", authn_port=1))

    assert report.exit_status == 0
    assert not ams.subjects


def test_a_message_too_large_on_the_wire_is_split_between_its_records(place, ams, settings, queue):
    records = [record(number, padding=9000) for number in range(100)]
    [name] = filled(queue, cloud_message(*records))

    report = publish(settings)

    assert report.exit_status == 0
    assert (report.queues[0].sent, report.queues[0].parts) == (1, 2)
    assert ams.names() == [f"{name}-0", f"{name}-1"]
    assert all(len(text) * 4 // 3 < ams.limit for text in ams.texts())
    arrived = [opened(place, text).decode().partition("\n")[2].split("\n%%\n") for text in ams.texts()]
    assert [one.strip() for part in arrived for one in part] == [one.strip() for one in records]


def test_a_service_that_takes_less_than_we_were_told_gets_smaller_parts(ams, settings, queue):
    ams.limit = 60_000
    filled(queue, cloud_message(*(record(number, padding=9000) for number in range(16))))

    report = publish(settings)

    assert report.exit_status == 0
    assert report.queues[0].parts == 4
    assert left_in(queue) == 0


def test_bad_messages_are_put_aside_with_a_reason_and_all_others_arrive(ams, settings, queue):
    good = [cloud_message(record(number)) for number in range(6)]
    foreign = cloud_message(record(7, name="b\N{LATIN SMALL LETTER U WITH DIAERESIS}ro"))
    oversize = cloud_message(record(8, padding=1_200_000))
    rejected = cloud_message(record(9, name="poison"))
    names = filled(queue, *good[:2], foreign, *good[2:4], oversize, rejected, *good[4:])
    bodies = {name: (queue / name).read_bytes() for name in names}
    ams.fail(422, times=99, containing=b"poison")

    report = publish(settings)

    assert report.exit_status == 1
    assert (report.queues[0].sent, report.queues[0].dead, report.queues[0].left) == (6, 3, 0)
    assert left_in(queue) == 0
    assert ams.names() == [name for name in names if bodies[name] in good]
    reasons = {bodies[name]: reason for name, reason in dead(queue).items()}
    assert set(reasons) == {foreign, oversize, rejected}
    assert reasons[foreign] == "it is not ASCII, which the receiver demands: line 4 (MachineName)\n"
    assert "one record makes" in reasons[oversize]
    assert "AMS answered 422" in reasons[rejected]
    assert "injected" in reasons[rejected]
    path = queue.with_name("openstack-dead")
    assert all((path / name).read_bytes() == bodies[name] for name in dead(queue))
    assert publish(settings).exit_status == 0  # old dead letters are no news


def test_one_record_too_large_is_put_aside_alone(settings, queue):
    records = [record(1), record(2, padding=1_200_000), record(3)]
    [name] = filled(queue, cloud_message(*records))

    report = publish(settings)

    assert report.exit_status == 1
    assert (report.queues[0].parts, report.queues[0].dead) == (2, 1)
    assert list(dead(queue)) == [f"{name}-10"]
    assert left_in(queue) == 0


def test_a_service_that_refuses_everything_does_not_get_the_whole_queue(ams, settings, queue):
    filled(queue, *(cloud_message(record(number)) for number in range(30)))
    ams.fail(400, times=999)
    ams.tokens.add("t")

    report = publish(msgspec.structs.replace(settings, token="t"))

    assert report.exit_status == 1
    assert "one after the other were refused" in report.queues[0].error
    assert (report.queues[0].dead, report.queues[0].left) == (10, 20)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (401, "401"),
        (403, "403"),
        (429, "429"),
        (500, "500"),
        (503, "503"),
        (504, "504"),
        ("hang", "did not answer"),
        ("close", "can't be reached"),
    ],
)
def test_what_goes_on_failing_leaves_the_rest_for_the_next_run(ams, settings, queue, fault, said):
    names = filled(queue, *(cloud_message(record(number)) for number in range(3)))
    ams.fail(fault, times=99)
    ams.tokens.add("t")
    patient = msgspec.structs.replace(settings, token="t", timeout_s=1)

    report = publish(patient)

    assert report.exit_status == 1
    assert said in report.queues[0].error
    assert (report.queues[0].sent, report.queues[0].left) == (0, 3)
    assert not queue.with_name("openstack-dead").exists()
    assert len(ams.publishes()) == (1 if fault in {401, 403} else 2)  # bounded
    ams.faults.clear()
    assert publish(patient).exit_status == 0
    assert ams.names() == names
    assert left_in(queue) == 0


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, "close"])
def test_what_passes_is_tried_again(ams, settings, queue, fault):
    names = filled(queue, cloud_message(record(1)))
    ams.tokens.add("t")
    ams.fail(fault, retry_after="0")

    report = publish(msgspec.structs.replace(settings, token="t"))

    assert report.exit_status == 0
    assert ams.names() == names


def test_a_lost_acknowledgement_repeats_the_message_under_its_name(ams, settings, queue):
    [name] = filled(queue, cloud_message(record(1)))
    ams.tokens.add("t")
    ams.fail("lose")

    assert publish(msgspec.structs.replace(settings, token="t")).exit_status == 0

    assert ams.names() == [name, name]
    assert left_in(queue) == 0


def test_a_token_that_has_ended_is_renewed_once(ams, settings, queue):
    filled(queue, *(cloud_message(record(number)) for number in range(2)))
    ended = []

    def end_tokens():
        if not ended:
            ended.append(True)
            ams.tokens.clear()

    ams.on_published = end_tokens
    report = publish(msgspec.structs.replace(settings, batch_size=1))

    assert report.exit_status == 0
    assert len(ams.subjects) == 2
    assert len(ams.names()) == 2


def test_an_unknown_topic_stops_its_queue_only(settings, queue):
    other = queue.with_name("openstack-storage")
    other.mkdir()
    filled(other, cloud_message(record(1)))
    filled(queue, cloud_message(record(2)))
    both = (QueueSettings(other, "nobody-knows-it"), QueueSettings(queue, TOPIC))

    report = publish(msgspec.structs.replace(settings, queues=both))

    assert report.exit_status == 1
    assert "404" in report.queues[0].error
    assert "has a topic nobody-knows-it" in report.queues[0].error
    assert left_in(other) == 1
    assert report.queues[1].sent == 1


def test_a_service_that_is_down_is_not_tried_for_every_queue(ams, settings, queue):
    other = queue.with_name("openstack-storage")
    other.mkdir()
    filled(other, cloud_message(record(1)))
    filled(queue, cloud_message(record(2)))
    both = (QueueSettings(other, TOPIC), QueueSettings(queue, TOPIC))
    ams.fail(503, times=99)

    report = publish(msgspec.structs.replace(settings, queues=both))

    assert report.exit_status == 1
    assert report.queues[1].error.startswith("not tried: AMS answered 503")
    assert len(ams.requests) == 2
    assert left_in(queue) == left_in(other) == 1


def test_a_queue_without_a_destination_keeps_its_messages(settings, queue):
    filled(queue, cloud_message(record(1)))

    report = publish(msgspec.structs.replace(settings, queues=(QueueSettings(queue, None),)))

    assert report.exit_status == 1
    assert "no destination" in report.queues[0].error
    assert left_in(queue) == 1


def test_a_dry_run_counts_and_changes_nothing(ams, settings, queue):
    names = filled(queue, cloud_message(record(1)), cloud_message(record(2, name="\N{SNOWMAN}")))

    report = publish(settings, dry_run=True)

    assert (report.queues[0].sent, report.queues[0].dead) == (1, 1)
    assert not ams.requests
    assert QueueSimple(str(queue)).count() == len(names)
    assert not queue.with_name("openstack-dead").exists()


def test_json_beyond_ascii_goes_with_escapes(place, ams, settings, queue):
    filled(
        queue, '{"Type": "t", "UsageRecords": [{"u": "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"}]}'.encode()
    )

    assert publish(settings).exit_status == 0

    assert msgspec.json.decode(opened(place, ams.texts()[0]))["UsageRecords"] == [{"u": "Zo\u00eb"}]


def test_a_host_that_ams_does_not_know_is_told_what_to_see_to(ams, settings, queue):
    filled(queue, cloud_message(record(1)))
    ams.fail(401)

    report = publish(settings)

    assert report.exit_status == 1
    assert "host certificate is registered with AMS" in report.queues[0].error
    assert left_in(queue) == 1
    assert not ams.publishes()


def test_the_service_has_to_be_of_a_trusted_authority(ams, settings, queue):
    filled(queue, cloud_message(record(1)))

    report = publish(msgspec.structs.replace(settings, cafile=None))

    assert report.exit_status == 1
    assert "certificate verify failed" in report.queues[0].error
    assert not ams.requests


def test_what_seals_is_within_the_limit_that_size_tells(settings):
    """The size of a request is computed, not measured: it has to be right to the byte."""
    transport = AmsTransport(settings)
    for length in range(1, 7):
        parcels = [Parcel('na"me', b"x" * length), Parcel("other", b"y" * 100)]
        body = b'{"messages":[' + b",".join(orjson.dumps(_json(one)) for one in parcels) + b"]}"

        assert len(body) == sum(transport.size(one) for one in parcels) + len(b'{"messages":[]}') - 1

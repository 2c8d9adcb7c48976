"""`usance publish` and `ssmsend` as an operator runs them: in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dirq.QueueSimple import QueueSimple

from apel_messages import cloud_message, filled, record
from received import opened
from usance.ledger.ledger import Ledger
from usance.ledger.values import NewMessage, NewRecord
from usance.sending.queues import held

BIN = Path(sys.executable).parent
TOPIC = "eu-egi-cloud-accounting"


def run(program, *arguments, **environment):
    return subprocess.run(
        [str(BIN / program), *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def conf(tmp_path, place, ams, queue):
    """Write a usance.conf for the service."""
    path = tmp_path / "usance.conf"
    path.write_text(
        f"""[DEFAULT]
messengers = ssm
spooldir = {tmp_path}/spool
[ssm]
output_path = {queue}
[publish]
host = 127.0.0.1:{ams.api_port}
authn_port = {ams.authn_port}
certificate = {place.path}/host.example.org.pem
key = {place.path}/host.example.org.key
capath = {place.capath}
cafile = {place.cafile}
server_cert = {place.path}/receiver.example.org.pem
timeout = 3
retries = 1
"""
    )
    return path


@pytest.fixture
def sender_cfg(tmp_path, place, ams, queue):
    """Write a sender.cfg as sites have it, for the service."""
    path = tmp_path / "sender.cfg"
    path.write_text(
        f"""[sender]
protocol: AMS
[broker]
host: 127.0.0.1:{ams.api_port}
port: 443
authn_port: {ams.authn_port}
use_ssl: true
[certificates]
certificate: {place.path}/host.example.org.pem
key: {place.path}/host.example.org.key
capath: {place.capath}
server_cert: {place.path}/receiver.example.org.pem
[messaging]
ams_project: accounting
destination: {TOPIC}
path: {queue}
[logging]
logfile: {tmp_path}/ssmsend.log
level: INFO
console: false
"""
    )
    return path


def test_publish_empties_the_queue_and_says_so(place, ams, queue, conf):
    names = filled(queue, cloud_message(record(1)), cloud_message(record(2)))

    done = run("usance", "publish", "--config-file", conf, "--output", "json")

    assert done.returncode == 0, done.stderr
    [shown] = json.loads(done.stdout)["queues"]
    assert (shown["sent"], shown["left"], shown["destination"]) == (2, 0, TOPIC)
    assert ams.names() == names
    receiver = place.path / "receiver.example.org.pem"
    assert {opened(place, text, receiver) for text in ams.texts()} == {
        cloud_message(record(number)).strip() for number in (1, 2)
    }


def test_publish_has_nothing_to_do_in_an_empty_queue_and_needs_no_certificate(conf):
    conf.write_text(conf.read_text().replace("host.example.org.key", "missing.key"))

    done = run("usance", "publish", "--config-file", conf)

    assert (done.returncode, done.stderr) == (0, "")


def test_each_type_of_record_goes_to_its_topic(ams, queue, conf):
    ams.topics.add("eu-egi-storage-accounting")
    for kind in ("storage", "ip"):
        path = queue.with_name(f"openstack-{kind}")
        path.mkdir()
        filled(path, cloud_message(record(1, name=kind)))

    done = run("usance", "publish", "--config-file", conf, "--output", "json")

    assert done.returncode == 1
    shown = {Path(one["path"]).name: one for one in json.loads(done.stdout)["queues"]}
    assert shown["openstack-storage"]["sent"] == 1
    assert shown["openstack-ip"]["left"] == 1
    assert "no destination is set" in shown["openstack-ip"]["error"]
    assert len(ams.names("eu-egi-storage-accounting")) == 1


def test_any_directory_can_be_named_with_its_destination(tmp_path, ams, conf):
    files = tmp_path / "files"
    files.mkdir()
    (files / "message").write_bytes(cloud_message(record(1)))

    done = run(
        "usance", "publish", "--config-file", conf, "--queue", f"{files}={TOPIC}", "--path-type", "directory"
    )

    assert done.returncode == 0, done.stderr
    assert ams.names() == ["message"]
    assert not list(files.iterdir())


def test_a_queue_without_destination_is_a_mistake(tmp_path, conf):
    done = run("usance", "publish", "--config-file", conf, "--queue", tmp_path)

    assert done.returncode == 2
    assert "no destination is configured" in done.stderr


def test_a_queue_that_is_named_and_not_there_is_a_mistake(tmp_path, conf):
    done = run("usance", "publish", "--config-file", conf, "--queue", f"{tmp_path}/outgoin=topic")

    assert done.returncode == 2
    assert (
        done.stderr
        == f"usance: there is no queue {tmp_path}/outgoin: No such file or directory (see the spelling)\n"
    )


def test_ssmsend_says_that_there_is_no_queue_yet(sender_cfg, queue, tmp_path):
    """That is no failure, the first message makes it; but it may be a slip in the path, too."""
    sender_cfg.write_text(sender_cfg.read_text().replace(f"path: {queue}", f"path: {queue}-of-nobody"))

    assert run("ssmsend", "-c", sender_cfg).returncode == 0
    assert f"there is no queue {queue}-of-nobody (yet)" in (tmp_path / "ssmsend.log").read_text()


def test_ssmsend_logs_names_that_are_no_text(sender_cfg, queue, tmp_path):
    messages = tmp_path / "messages"
    messages.mkdir()
    name = os.fsencode(messages) + b"/\xff\nall was sent"
    with open(name, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(cloud_message(record(1, name="Ger\xe4t")))
    text = sender_cfg.read_text().replace(f"path: {queue}", f"path: {messages}\npath_type: directory")
    sender_cfg.write_text(text)

    done = run("ssmsend", "-c", sender_cfg)

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "\nall was sent" not in (tmp_path / "ssmsend.log").read_text()


def test_a_dry_run_sends_nothing(ams, queue, conf):
    filled(queue, cloud_message(record(1)))

    done = run("usance", "publish", "--config-file", conf, "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "as they would be sent" in done.stdout
    assert not ams.requests
    assert QueueSimple(str(queue)).count() == 1


@pytest.mark.parametrize("program", ["usance", "ssmsend"])
def test_a_second_sender_ends_with_75(queue, conf, sender_cfg, program):
    filled(queue, cloud_message(record(1)))
    arguments = ("publish", "--config-file", conf) if program == "usance" else ("-c", sender_cfg)

    with held(queue):
        done = run(program, *arguments)

    assert done.returncode == 75
    assert QueueSimple(str(queue)).count() == 1


def test_ssmsend_reads_sender_cfg_and_logs_where_it_says(place, ams, queue, sender_cfg, tmp_path):
    names = filled(queue, cloud_message(record(1)), cloud_message(record(2)))

    done = run("ssmsend", "-c", sender_cfg, REQUESTS_CA_BUNDLE=str(place.cafile))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert ams.names() == names
    log = (tmp_path / "ssmsend.log").read_text()
    assert " - ssmsend - INFO - 2 messages sent, 0 put aside, 0 left" in log
    assert all(f"Sent {name}, AMS id" in log for name in names)
    assert all(token not in log for token in ams.tokens)


def test_ssmsend_goes_on_behind_a_bad_message_and_ends_with_1(place, ams, queue, sender_cfg, tmp_path):
    """SSM stops at the first message that is not ASCII, in every run."""
    filled(queue, cloud_message(record(1, name="\N{SNOWMAN}")), cloud_message(record(2)))

    done = run("ssmsend", "-c", sender_cfg, REQUESTS_CA_BUNDLE=str(place.cafile))

    assert done.returncode == 1
    assert len(ams.names()) == 1
    assert "is put aside: it is not ASCII" in (tmp_path / "ssmsend.log").read_text()
    assert run("ssmsend", "-c", sender_cfg).returncode == 0


def test_ssmsend_trusts_the_bundle_that_its_library_does(ams, queue, sender_cfg, place):
    filled(queue, cloud_message(record(1)))

    assert run("ssmsend", "-c", sender_cfg).returncode == 1  # the system does not know the authority
    done = run("ssmsend", "-c", sender_cfg, REQUESTS_CA_BUNDLE=str(place.cafile))

    assert done.returncode == 0
    assert len(ams.names()) == 1


def test_ssmsend_names_what_means_nothing(sender_cfg, tmp_path):
    text = (
        sender_cfg.read_text().replace("protocol: AMS", "protocl: AMS").replace("path:", "pathtype: x\npath:")
    )
    sender_cfg.write_text(text + "[mesaging]\nx: y\n[broker2]\n")

    run("ssmsend", "-c", sender_cfg)

    log = (tmp_path / "ssmsend.log").read_text()
    assert "there is no option 'protocl' in [sender], it does not count; did you mean protocol?" in log
    assert "there is no option 'pathtype' in [messaging]" in log
    assert "there is no section [mesaging], nothing in it counts; did you mean [messaging]?" in log
    assert "protocol is not set: STOMP is used" in log


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("destination: ", "destination_was: ", "No destination queue is configured"),
        ("protocol: AMS", "protocol: SMTP", "should be one of AMS, STOMP"),
        ("path: ", "path_was: ", "path is not set"),
        ("level: INFO", "level: LOUD", "level should be one of"),
        ("[messaging]", "[messaging", "can't be read as a configuration"),
        ("level: INFO", "level INFO", "line 19 can't be read as a configuration"),
    ],
)
def test_ssmsend_says_what_is_wrong_in_one_line(sender_cfg, old, new, said):
    sender_cfg.write_text(sender_cfg.read_text().replace(old, new))

    done = run("ssmsend", "-c", sender_cfg)

    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ssmsend_without_a_file_says_where_it_looked(tmp_path):
    done = run("ssmsend", "-c", tmp_path / "none.cfg")

    assert done.returncode == 1
    assert f"Config file not found at {tmp_path / 'none.cfg'}" in done.stderr


def test_a_sender_killed_between_acknowledgement_and_removal_repeats_under_the_same_name(ams, queue, conf):
    [name] = filled(queue, cloud_message(record(1)))
    victim = []

    def kill():
        if victim:
            os.kill(victim.pop().pid, signal.SIGKILL)

    ams.on_published = kill
    with ams.lock:  # nothing is published before the process is known
        victim.append(
            subprocess.Popen(
                [str(BIN / "usance"), "publish", "--config-file", str(conf)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        process = victim[0]
    assert process.wait(60) == -signal.SIGKILL
    assert ams.names() == [name]
    assert QueueSimple(str(queue)).count() == 1
    assert list(queue.rglob("*.lck"))

    done = run("usance", "publish", "--config-file", conf)

    assert done.returncode == 0, done.stderr
    assert ams.names() == [name, name]
    assert [one for one in queue.rglob("*") if one.is_file()] == []


def test_the_hundredth_of_a_second_in_which_it_dies_does_not_matter(ams, queue, conf):
    """Kill it anywhere, as often as it takes: each message arrives, and none but the last is repeated."""
    names = filled(queue, *(cloud_message(record(number)) for number in range(12)))
    conf.write_text(conf.read_text() + "batch_size = 1\n")
    repeats = 0
    for published in range(1, 13, 3):
        process = subprocess.Popen(
            [str(BIN / "usance"), "publish", "--config-file", str(conf)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while len(ams.names()) < published + repeats and process.poll() is None:
            assert time.monotonic() < until
        process.kill()
        process.wait(60)
        repeats = len(ams.names()) - len(set(ams.names()))

    done = run("usance", "publish", "--config-file", conf)

    assert done.returncode == 0, done.stderr
    assert list(dict.fromkeys(ams.names())) == names
    assert len(ams.names()) <= len(names) + 4
    assert QueueSimple(str(queue)).count() == 0


def test_what_waits_in_the_outbox_for_ams_goes_with_publish(ams, conf, tmp_path):
    conf.write_text(conf.read_text().replace("messengers = ssm", "messengers = ams"))
    (tmp_path / "spool").mkdir()
    now = datetime(2026, 11, 22, tzinfo=UTC)
    with Ledger.open(f"sqlite:///{tmp_path}/spool/usance.sqlite") as ledger:
        kept = NewRecord("cloud/1/2026-11", "server", "1", "d", now)
        message = NewMessage("cloud", "cloud-v04", cloud_message(record(1)), (kept,))
        ledger.stage("project1", "default", "ams", [message], at=now)

    rehearsed = run("usance", "publish", "--config-file", conf, "--dry-run", "--output", "json")
    done = run("usance", "publish", "--config-file", conf, "--output", "json")

    assert json.loads(rehearsed.stdout)["messengers"][0]["pending"] == 1
    assert done.returncode == 0, done.stderr
    [shown] = json.loads(done.stdout)["messengers"]
    assert (shown["name"], shown["delivered"], shown["pending"]) == ("ams", 1, 0)
    assert len(ams.names()) == 1

"""`usance doctor`, as a command."""

from __future__ import annotations

import csv
import io
import json

from service.cli.conftest import HISTORY, NOW
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf


def test_what_is_the_same_in_several_projects_is_said_once_and_what_to_do_is_one_line(run, tmp_path):
    cloud = DemoCloud(HISTORY, clock=Clock(NOW))
    cloud.refused = frozenset({"os_compute_api:servers:detail"})
    with serving(cloud) as url:
        conf = write_caso_conf(url, tmp_path)
        shown = run("usance", "doctor", "--config-file", conf).stdout.splitlines()

    (place,) = [number for number, line in enumerate(shown) if "Nova: servers" in line]
    assert shown[place].endswith("Nova: servers, default/project0, default/project1")
    assert "answered 403" in shown[place + 1]
    assert shown[place + 2].endswith(
        '"rule:project_reader_or_admin or (role:reader and project_id:%(project_id)s)"'
    )


def test_the_table_shows_what_is_not_in_order_and_a_summary(run, conf):
    done = run("usance", "doctor", "--config-file", conf, COLUMNS="200")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Clock" in done.stdout  # the clock of this cloud stands still
    assert "Keystone: account" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith("in order")


def test_all_checks_are_shown_where_they_are_asked_for(run, conf):
    done = run("usance", "doctor", "--config-file", conf, "--all", COLUMNS="200")

    assert "Keystone knows the account" in done.stdout


def test_json_has_every_check_and_csv_has_too(run, conf):
    as_json = json.loads(run("usance", "doctor", "--config-file", conf, "--output", "json").stdout)
    as_csv = run("usance", "doctor", "--config-file", conf, "--output", "csv").stdout

    assert sum(as_json["counts"].values()) == len(as_json["checks"])
    assert set(as_json["checks"][0]) == {"name", "scope", "verdict", "sentence", "remedy"}
    assert len(list(csv.DictReader(io.StringIO(as_csv)))) == len(as_json["checks"])


def test_a_missing_line_of_policy_is_told_and_the_status_is_1(run, tmp_path):
    cloud = DemoCloud(HISTORY, clock=Clock(NOW))
    cloud.refused = frozenset({"os_compute_api:os-instance-actions:list"})
    with serving(cloud) as url:
        conf = write_caso_conf(url, tmp_path)
        done = run("usance", "doctor", "--config-file", conf, "--project", "project0", "--output", "json")

    assert done.returncode == 1
    (told,) = [one for one in json.loads(done.stdout)["checks"] if one["verdict"] == "missing"]
    assert told["scope"].endswith("/project0")
    assert '"os_compute_api:os-instance-actions:list": "rule:project_reader_or_admin or ' in told["remedy"]


def test_a_broken_ledger_and_a_cloud_that_is_down_hide_nothing(run, tmp_path):
    conf = write_caso_conf("http://127.0.0.1:9", tmp_path, options={"mesengers": "ssm"})
    (tmp_path / "spool" / "usance.sqlite").write_text("this is no database, and never was one")

    done = run("usance", "doctor", "--config-file", conf, "--output", "json")

    failed = {one["name"] for one in json.loads(done.stdout)["checks"] if one["verdict"] == "error"}
    assert done.returncode == 1
    assert failed == {"Keystone: account", "Ledger", "Configuration"}


def test_one_of_two_clouds_that_is_down_hides_nothing_of_the_other(run, cloud_url, tmp_path):
    conf = write_caso_conf(cloud_url, tmp_path, messengers="ams")
    clouds = "\n[usance]\nclouds = up, down\n[cloud_up]\n[cloud_down]\nauth_url = http://127.0.0.1:9/v3\n"
    conf.write_text(conf.read_text() + clouds)

    done = run("usance", "doctor", "--config-file", conf, "--output", "json")

    checks = json.loads(done.stdout)["checks"]
    assert [one["scope"] for one in checks if one["verdict"] == "error"] == ["down"]
    assert any(one["scope"] == "up/project0" and one["name"] == "Nova: servers" for one in checks)
    missing = {one["name"] for one in checks if one["verdict"] == "missing"}
    assert {"Messaging service", "Host certificate"} <= missing
    assert "usance-demo" not in done.stdout + done.stderr  # the account's password


def test_a_wrong_configuration_is_one_line_and_2(run, tmp_path):
    conf = tmp_path / "caso.conf"
    conf.write_text("[DEFAULT]\nmessengers = carrier_pigeon\n")

    done = run("usance", "doctor", "--config-file", conf)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_nothing_is_written_anywhere(run, conf, tmp_path):
    run("usance", "doctor", "--config-file", conf)

    assert {one.name for one in tmp_path.iterdir()} <= {"caso.conf", "spool", "home"}
    assert list((tmp_path / "spool").iterdir()) == []
    assert not (tmp_path / "outgoing").exists()

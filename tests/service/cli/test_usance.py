"""`usance` as an operator runs it."""

import csv
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from service.cli.conftest import SITE
from usance.demo.setup import environment, write_caso_conf
from usance.demo.site import PASSWORD
from usance.extraction.lock import run_lock

WEB, WORKER = SITE.projects


def one_line(result, *parts):
    assert "Traceback" not in result.stderr
    [line] = result.stderr.splitlines()
    assert line.startswith("usance: ")
    for part in parts:
        assert part in line


def test_an_extraction_delivers_and_says_what_it_did(run, conf, tmp_path):
    result = run("usance", "extract", "--config-file", conf, "--output", "json", "--usage")

    assert result.returncode == 0
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert {one["vo"] for one in report["projects"]} == {"vo.example0.org", "vo.example1.org"}
    assert report["messengers"][0]["records"] == 3
    assert len(report["usage"]) == 2
    messages = [path for path in (tmp_path / "outgoing").rglob("*") if path.is_file()]
    assert sum(path.read_text().count("VMUUID") for path in messages) == 3
    status = run("usance", "status", "--config-file", conf)
    assert status.returncode == 0
    assert "project0" in status.stdout


def test_a_dry_run_prints_the_records_and_delivers_none(run, conf, tmp_path):
    result = run("usance", "extract", "--config-file", conf, "--dry-run")

    assert result.returncode == 0
    assert result.stdout.count("VMUUID: ") == 3
    assert not (tmp_path / "outgoing").exists()
    rows = list(
        csv.DictReader(
            run("usance", "extract", "--config-file", conf, "--dry-run", "-o", "csv").stdout.splitlines()
        )
    )
    assert [row["messenger"] for row in rows] == ["ssm"] * 3


def test_only_the_projects_that_are_named_are_extracted(run, conf):
    result = run("usance", "extract", "--config-file", conf, "--project", "project1", "-o", "json")

    assert [one["project_id"] for one in json.loads(result.stdout)["projects"]] == [WORKER.id]


def test_a_project_that_is_not_there_fails_alone(run, conf):
    arguments = ("--project", "project0", "--project", "nowhere", "-o", "json")

    result = run("usance", "extract", "--config-file", conf, *arguments)

    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert report["messengers"][0]["delivered"] == 1
    assert "nowhere" in report["refused"][0]


def test_the_variables_and_clouds_yaml_of_the_openstack_command_will_do(run, cloud_url, tmp_path):
    variables = environment(cloud_url)
    (tmp_path / "clouds.yaml").write_text(
        f"clouds: {{demo: {{auth: {{auth_url: '{variables['OS_AUTH_URL']}', username: accounting, "
        f"password: {PASSWORD}, user_domain_name: Default}}}}}}"
    )

    for given in (variables, {"OS_CLOUD": "demo"}):
        result = run("usance", "projects", "-o", "json", **given)
        assert result.returncode == 0, result.stderr
        assert [one["name"] for one in json.loads(result.stdout)["projects"]] == ["project0", "project1"]


def test_projects_tells_where_a_vo_comes_from_and_what_the_account_may_not_see(run, cloud_url, tmp_path):
    mapping = tmp_path / "voms.json"
    mapping.write_text(json.dumps({"vo.mapped": {"projects": ["project0"]}}))
    options = {"mapping_file": str(mapping), "vo_property": "absent", "projects": "project0,project1"}
    conf = write_caso_conf(cloud_url, tmp_path, user="some-reader", extractors="nova", options=options)

    result = run("usance", "projects", "--config-file", conf, "-o", "json")

    assert result.returncode == 1
    listing = json.loads(result.stdout)
    assert listing["projects"][0]["vo"] == "vo.mapped"
    assert listing["projects"][0]["vo_from"] == str(mapping)
    assert listing["projects"][0]["problem"] is None
    assert "project1" in str(listing["refused"]) or listing["projects"][1]["problem"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--from", "2027-01-01"), ("begin",)),
        (("--from", "2026-10-02", "--to", "2026-10-01"), ("should lie before",)),
        (("--from", "soon"), ("extract_from on the command line", "not a time")),
        (("--config-dir", "nowhere"), ("nowhere is not a directory",)),
    ],
)
def test_wrong_usage_is_one_line_and_2(run, conf, arguments, parts):
    result = run("usance", "extract", "--config-file", conf, *arguments)

    assert result.returncode == 2
    one_line(result, *parts)


def test_without_any_configuration_one_line_says_what_to_write(run):
    result = run("usance", "extract")

    assert result.returncode == 2
    one_line(result, "no credentials", "[keystone_auth]", "OS_CLOUD")


def test_a_wrong_password_is_one_line_and_1(run, conf):
    result = run("usance", "extract", "--config-file", conf, OS_KEYSTONE_AUTH__PASSWORD="wrong-horse")

    assert result.returncode == 1
    one_line(result, "accounting")
    assert "wrong-horse" not in result.stderr


def test_another_run_is_75(run, conf, tmp_path):
    with run_lock(tmp_path / "spool", timeout_s=0):
        result = run("usance", "extract", "--config-file", conf)

    assert result.returncode == 75
    one_line(result, "holds the lock")


def test_status_of_a_ledger_that_is_empty_or_newer_says_what_to_do(run, conf, tmp_path):
    path = tmp_path / "spool" / "usance.sqlite"
    path.touch()
    empty = run("usance", "status", "--config-file", conf)
    run("usance", "extract", "--config-file", conf)
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute("UPDATE ledger_version SET version_num = '9999'")

    newer = run("usance", "status", "--config-file", conf)

    assert empty.returncode == 1
    one_line(empty, "is empty", "usance extract makes its tables")
    assert newer.returncode == 2
    one_line(newer, "made by a newer usance")


def test_debug_shows_where_an_error_comes_from_but_no_secret(run, conf):
    result = run("usance", "extract", "--debug", "--config-file", conf, "--project", "nowhere")
    failed = run(
        "usance", "extract", "--debug", "--config-file", conf, OS_KEYSTONE_AUTH__PASSWORD="wrong-horse"
    )

    assert "Traceback" in failed.stderr
    for shown in (result.stdout + result.stderr, failed.stdout + failed.stderr):
        assert PASSWORD not in shown
        assert "wrong-horse" not in shown


def test_a_broken_pipe_is_no_traceback():
    usance = Path(sys.executable).with_name("usance")
    command = f"{usance} config sample | head -n 1"

    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert result.stdout.startswith("# Usance")
    assert result.stderr == ""


def test_log_messages_go_to_the_file_that_is_configured(run, cloud_url, tmp_path):
    conf = write_caso_conf(
        cloud_url,
        tmp_path,
        extractors="nova",
        options={"log_file": str(tmp_path / "usance.log"), "wibble": "1"},
    )

    result = run("usance", "extract", "--config-file", conf)

    assert result.returncode == 0
    assert result.stderr == ""
    assert "there is no option 'wibble'" in (tmp_path / "usance.log").read_text()


def test_check_ends_with_1_for_a_name_that_means_nothing(run, conf):
    good = run("usance", "config", "check", "--config-file", conf, "-o", "json")
    conf.write_text(conf.read_text().replace("service_name", "servicename"))
    odd = run("usance", "config", "check", "--config-file", conf)

    assert good.returncode == 0
    assert json.loads(good.stdout)["findings"] == []
    assert json.loads(good.stdout)["files"] == [str(conf)]
    assert odd.returncode == 1
    assert "did you mean service_name?" in odd.stdout
    assert PASSWORD not in good.stdout + good.stderr + odd.stdout + odd.stderr


@pytest.mark.parametrize(
    "content", [b"\0\0", b"[DEFAULT]\nsite_name=\xff\n", b"x" * 2_000_000, b"[[[\n", b"[DEFAULT]\ndebug=7\n"]
)
def test_a_hostile_configuration_is_one_line_and_2(run, tmp_path, content):
    path = tmp_path / "bad.conf"
    path.write_bytes(content)

    result = run("usance", "status", "--config-file", path)

    assert result.returncode == 2
    one_line(result, "bad.conf")


def test_the_sample_is_a_configuration_that_means_nothing_new(run, conf, tmp_path):
    sample = tmp_path / "sample.conf"
    sample.write_text(run("usance", "config", "sample").stdout)

    result = run("usance", "config", "check", "--config-file", sample, "--config-file", conf, "-o", "json")

    assert result.returncode == 0
    assert json.loads(result.stdout)["findings"] == []


def test_upgrade_makes_the_ledger_and_status_wants_one(run, conf):
    missing = run("usance", "status", "--config-file", conf)
    made = run("usance", "db", "upgrade", "--config-file", conf)
    again = run("usance", "db", "upgrade", "--config-file", conf)
    empty = run("usance", "status", "--config-file", conf, "-o", "json")

    assert missing.returncode == 1
    one_line(missing, "no ledger", "usance extract")
    assert (made.returncode, again.returncode, empty.returncode) == (0, 0, 0)
    assert json.loads(empty.stdout) == {"messengers": [], "quarantined": [], "sources": []}

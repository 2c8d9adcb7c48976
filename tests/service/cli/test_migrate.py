"""`usance config migrate` as an operator runs it."""

import json
import stat

import pytest

from usance.demo.setup import auth_url
from usance.demo.site import PASSWORD


@pytest.fixture
def caso_1(cloud_url, tmp_path):
    """Write a configuration of cASO 1.x for the cloud."""
    mapping = tmp_path / "voms.json"
    mapping.write_text(json.dumps({"vo.mapped": {"tenant": "project0"}}))
    conf = tmp_path / "caso.conf"
    conf.write_text(
        "[DEFAULT]\nextractor = nova\nsite_name = TEST-Site\ntenants = project0\n"
        f"messengers = caso.messenger.ssm.SsmMessager\nspooldir = {tmp_path}/spool\ncaso_tag =\n"
        f"vo_property = none\n[extractor]\nuser = accounting\npassword = {PASSWORD}\n"
        f"endpoint = {auth_url(cloud_url).removesuffix('/v3')}/v2.0\nmapping_file = {mapping}\n"
        f"[ssm]\noutput_path = {tmp_path}/outgoing\n"
    )
    return conf


def test_what_is_written_works_and_nobody_else_can_read_it(run, caso_1, tmp_path):
    new = tmp_path / "usance.conf"

    written = run("usance", "config", "migrate", caso_1, "--output", new)
    checked = run("usance", "config", "check", "--config-file", new)
    extracted = run("usance", "extract", "--config-file", new, "-o", "json")

    assert written.returncode == 0, written.stderr
    assert f"wrote {new}" in written.stdout
    assert PASSWORD not in written.stdout + written.stderr
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert (checked.returncode, checked.stderr) == (0, "")
    assert extracted.returncode == 0, extracted.stderr
    assert [one["vo"] for one in json.loads(extracted.stdout)["projects"]] == ["vo.mapped"]
    assert sorted(one.name for one in tmp_path.iterdir() if "usance" in one.name) == ["usance.conf"]


def test_what_is_printed_has_no_secret_and_nothing_is_written(run, caso_1, tmp_path):
    before = sorted(tmp_path.glob("*.*"))

    printed = run("usance", "config", "migrate", caso_1)
    checked = run("usance", "config", "migrate", caso_1, "--check")

    assert printed.returncode == checked.returncode == 0
    assert "auth_type = v3password" in printed.stdout
    assert "it means the same" in checked.stdout
    assert PASSWORD not in printed.stdout + printed.stderr + checked.stdout + checked.stderr
    assert sorted(tmp_path.glob("*.*")) == before


def test_the_password_in_an_address_is_not_printed(run, caso_1):
    address = "http://somebody:a-password@prometheus.example.org:9090"
    caso_1.write_text(f"{caso_1.read_text()}[prometheus]\nprometheus_endpoint = {address}\n")

    printed = run("usance", "config", "migrate", caso_1)

    assert printed.returncode == 0, printed.stderr
    assert "# prometheus_endpoint = (not shown" in printed.stdout
    assert "a-password" not in printed.stdout + printed.stderr


def test_a_file_that_is_there_is_never_replaced(run, caso_1, tmp_path):
    new = tmp_path / "usance.conf"
    new.write_text("precious")

    done = run("usance", "config", "migrate", caso_1, "--output", new)

    assert done.returncode == 2
    assert f"{new} exists already" in done.stderr
    assert new.read_text() == "precious"
    assert sorted(one.name for one in tmp_path.iterdir() if "usance" in one.name) == ["usance.conf"]


def test_a_place_that_can_not_be_written_is_named(run, caso_1, tmp_path):
    done = run("usance", "config", "migrate", caso_1, "--output", tmp_path / "nowhere" / "usance.conf")

    assert done.returncode == 2
    assert "can't be written: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_can_not_be_used_is_not_migrated(run, caso_1, tmp_path):
    caso_1.write_text(caso_1.read_text().replace("site_name", "sitename"))

    done = run("usance", "config", "migrate", caso_1, "--output", tmp_path / "usance.conf")

    assert done.returncode == 2
    assert "site_name is not set" in done.stderr
    assert "did you mean site_name?" in done.stderr
    assert not (tmp_path / "usance.conf").exists()

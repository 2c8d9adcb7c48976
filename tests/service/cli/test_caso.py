"""`caso-extract` and `caso-projects` as the cron jobs and scripts of a site call them."""

import json

from service.cli.conftest import SITE
from usance.demo.setup import auth_url, write_caso_conf
from usance.demo.site import PASSWORD

WEB, WORKER = SITE.projects


def records(tmp_path):
    messages = [path for path in (tmp_path / "outgoing").rglob("*") if path.is_file()]
    return sum(path.read_text().count("VMUUID") for path in messages)


def test_a_configuration_of_caso_5_in_the_home_directory_is_found(run, cloud_url, tmp_path):
    home = tmp_path / "home" / ".caso"
    home.mkdir(parents=True)
    write_caso_conf(cloud_url, tmp_path, extractors="nova").rename(home / "caso.conf")

    result = run("caso-extract")

    assert result.returncode == 0
    assert records(tmp_path) == 3


def test_a_configuration_and_a_command_line_of_caso_3(run, cloud_url, tmp_path):
    mapping = tmp_path / "voms.json"
    mapping.write_text(json.dumps({"vo.mapped": {"projects": [WEB.id]}}))
    conf = tmp_path / "caso.conf"
    conf.write_text(
        f"[DEFAULT]\nsite_name = TEST-Site\nmessengers = ssmv2\nmapping_file = {mapping}\n"
        f"spooldir = {tmp_path}/spool\nvo_property = none\n"
        f"[keystone_auth]\nauth_plugin = v3password\nauth_url = {auth_url(cloud_url)}\n"
        f"username = accounting\nuser_domain_name = Default\npassword = {PASSWORD}\n"
        f"[ssm]\noutput_path = {tmp_path}/outgoing\n"
    )
    arguments = ("--config-file", conf, "--tenants", WEB.id, "--extract_from", "None", "--caso_tag", "none")

    dry = run("caso-extract", *arguments, "--dry_run")
    result = run("caso-extract", *arguments)

    assert dry.returncode == 0
    assert dry.stdout.count("FQAN: vo.mapped") == 2
    assert result.returncode == 0
    assert records(tmp_path) == 2
    for old in ("--tenants", "--extract_from", "[keystone_auth] auth_plugin"):
        assert sum(f"{old} is " in line for line in result.stderr.splitlines()) == 1, result.stderr
    assert PASSWORD not in result.stderr + dry.stderr


def test_a_configuration_of_caso_1(run, cloud_url, tmp_path):
    mapping = tmp_path / "voms.json"
    mapping.write_text(json.dumps({"vo.mapped": {"tenant": "project0"}}))
    conf = tmp_path / "caso.conf"
    conf.write_text(
        "[DEFAULT]\nextractor = nova\nsite_name = TEST-Site\ntenants = project0\n"
        f"messengers = caso.messenger.ssm.SsmMessager\nspooldir = {tmp_path}/spool\ncaso_tag =\n"
        f"[extractor]\nuser = accounting\npassword = {PASSWORD}\n"
        f"endpoint = {auth_url(cloud_url).removesuffix('/v3')}/v2.0\nmapping_file = {mapping}\n"
        f"[ssm]\noutput_path = {tmp_path}/outgoing\n"
    )

    result = run("caso-extract", "--config-file", conf)

    assert result.returncode == 0, result.stderr
    assert records(tmp_path) == 2
    assert sum("version 2.0 of Keystone" in line for line in result.stderr.splitlines()) == 1


def test_extractors_that_are_not_there_are_named(run, conf):
    result = run("caso-extract", "--config-file", conf, "--extractor", "nova,monasca")

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(
        "caso-extract: extractor on the command line: there is no 'monasca'"
    )
    assert "Traceback" not in result.stderr


def test_what_is_no_option_is_2_as_with_caso(run):
    assert run("caso-extract", "--nonsense").returncode == 2
    assert run("caso-projects", "--nonsense").returncode == 2


def test_projects_are_printed_as_scripts_read_them(run, conf):
    result = run("caso-projects", "--config-file", conf)

    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        f"{WEB.id} (project0) mapped to VO 'vo.example0.org'",
        f"{WORKER.id} (project1) mapped to VO 'vo.example1.org'",
    ]


def test_projects_without_a_vo_or_unknown_are_named_beside(run, conf):
    result = run("caso-projects", "--config-file", conf, "--vo_property", "none", "--projects", "nowhere")

    assert result.returncode == 1
    assert result.stdout == ""
    assert f"{WEB.id} (project0) is mapped to no VO" in result.stderr
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr

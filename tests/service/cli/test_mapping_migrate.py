"""`caso-mapping-migrate --nodry-run` gives projects their VO and their tag through Keystone."""

import json
from collections.abc import Iterator

import pytest

from service.cli.conftest import HISTORY, NOW, SITE
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf

WEB, WORKER = SITE.projects


@pytest.fixture
def cloud() -> Iterator[tuple[DemoCloud, str]]:
    """Serve a cloud that may be changed; yield it and its URL."""
    served = DemoCloud(HISTORY, clock=Clock(NOW))
    with serving(served) as url:
        yield served, url


def written(url, directory, mapping, user="admin"):
    path = directory / "voms.json"
    path.write_text(json.dumps(mapping))
    options = {"mapping_file": str(path), "projects": f"project0,{WORKER.id}", "caso_tag": "accounted"}
    return write_caso_conf(url, directory, user=user, options=options)


def test_what_it_prints_is_what_it_does_and_what_is_found_afterwards(run, cloud, tmp_path):
    served, url = cloud
    conf = written(url, tmp_path, {"vo.a": {"projects": ["project0"]}, "vo.b": {"tenants": [WORKER.id]}})
    arguments = ("--config-file", conf, "--migrate-projects", "--nodry-run")

    printed = run("caso-mapping-migrate", *arguments[:-1])
    first = run("caso-mapping-migrate", *arguments)
    second = run("caso-mapping-migrate", *arguments)

    assert printed.stdout.splitlines() == [
        "openstack project set --property VO=vo.a project0",
        f"openstack project set --property VO=vo.b {WORKER.id}",
        "openstack project set --tag accounted project0",
        f"openstack project set --tag accounted {WORKER.id}",
    ]
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        f"{WEB.id} (project0) has now VO = vo.a",
        f"{WORKER.id} (project1) has now VO = vo.b",
        f"{WEB.id} (project0) has now the tag accounted",
        f"{WORKER.id} (project1) has now the tag accounted",
    ]
    assert second.stdout == first.stdout.replace("has now", "has already")
    assert {one.properties["VO"] for one in served.site.projects} == {"vo.a", "vo.b"}
    assert all("accounted" in one.tags and "caso" in one.tags for one in served.site.projects)
    (tmp_path / "voms.json").write_text("{}")
    found = run("caso-projects", "--config-file", conf, "--projects", "")
    assert found.stdout.splitlines() == [
        f"{WEB.id} (project0) mapped to VO 'vo.a'",
        f"{WORKER.id} (project1) mapped to VO 'vo.b'",
    ]


def test_a_project_that_is_not_there_is_named_and_the_others_are_done(run, cloud, tmp_path):
    served, url = cloud
    conf = written(url, tmp_path, {"vo.a": {"projects": ["nowhere", "project0"]}})

    done = run("caso-mapping-migrate", "--config-file", conf, "--nodry-run")

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("caso-mapping-migrate: nowhere: there is no project nowhere")
    assert served.site.projects[0].properties["VO"] == "vo.a"


def test_an_account_that_may_only_read_changes_nothing_and_is_told_so(run, cloud, tmp_path):
    served, url = cloud
    conf = written(url, tmp_path, {"vo.a": {"projects": ["project0"]}}, user="accounting")

    done = run("caso-mapping-migrate", "--config-file", conf, "--nodry-run")

    assert done.returncode == 1
    assert "does not let the account change projects (this takes the role admin" in done.stderr
    assert "Traceback" not in done.stderr
    assert served.site.projects[0].properties["VO"] == "vo.example0.org"


def test_the_command_says_what_it_takes(run):
    done = run("caso-mapping-migrate", "--help")

    assert done.returncode == 0
    for option in ("--migrate-projects", "--nodry-run", "--vo_property", "--mapping_file"):
        assert option in done.stdout
    assert run("caso-mapping-migrate", "--nonsense").returncode == 2

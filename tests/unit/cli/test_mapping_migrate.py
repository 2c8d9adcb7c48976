"""`caso-mapping-migrate` without --nodry-run: commands for a shell, whatever voms.json looks like."""

import json
import shlex

import pytest

from usance.legacy.caso_mapping_migrate import Step, run

CONF = """\
[DEFAULT]
mapping_file = {mapping}
projects = atlas, b2221a58
dry_run = false
"""


@pytest.fixture
def migrate(tmp_path, capsys, monkeypatch):
    """Write a mapping and a caso.conf without credentials; run, and return status, lines and complaints."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def run_with(mapping, *arguments, conf=CONF):
        path = tmp_path / "voms.json"
        path.write_text(json.dumps(mapping))
        (tmp_path / "caso.conf").write_text(conf.replace("{mapping}", str(path)))
        status = run(["--config-file", str(tmp_path / "caso.conf"), *arguments])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    return run_with


def test_every_form_of_the_mapping_gives_a_command_for_each_project(migrate):
    mapping = {
        "vo.a": {"projects": ["atlas", "biomed"]},
        "vo.b": {"tenants": ["cms"]},
        "vo.c": {"tenant": "dteam"},
        "vo.d": {},
    }

    status, lines, _ = migrate(mapping)

    assert status == 0
    assert lines == [
        "openstack project set --property VO=vo.a atlas",
        "openstack project set --property VO=vo.a biomed",
        "openstack project set --property VO=vo.b cms",  # cASO 5 adds one for a project named None
        "openstack project set --property VO=vo.c dteam",
    ]


def test_the_tag_is_set_on_the_configured_projects_where_that_is_asked_for(migrate):
    _, lines, _ = migrate({"vo.a": {"projects": ["atlas"]}}, "--migrate-projects", "--caso_tag", "mine")

    assert lines[1:] == [
        "openstack project set --tag mine atlas",
        "openstack project set --tag mine b2221a58",
    ]


def test_another_property_is_written_where_it_is_configured(migrate):
    _, lines, _ = migrate({"vo.a": {"projects": ["atlas"]}}, "--vo_property", "accounting:VO")

    assert lines == ["openstack project set --property accounting:VO=vo.a atlas"]


@pytest.mark.parametrize(
    ("project", "rest"),
    [
        ("a b; rm -rf /", ["--domain", "a b; rm -rf ", ""]),
        ("$(reboot)'\"`", ["$(reboot)'\"`"]),
        ("-h", ["--", "-h"]),
        ("egi/atlas", ["--domain", "egi", "atlas"]),
    ],
)
def test_a_shell_reads_a_command_as_it_was_meant(project, rest):
    step = Step(project, "VO", "vo $HOME & co")

    assert shlex.split(step.command) == [
        "openstack", "project", "set", "--property", "VO=vo $HOME & co", *rest
    ]  # fmt: skip


def test_a_dry_run_in_the_file_or_nothing_asks_no_cloud(migrate):
    """The configuration has no credentials, and says dry_run = false."""
    assert migrate({"vo.a": {"projects": ["atlas"]}})[0] == 0
    assert migrate({"vo.a": {"projects": ["atlas"]}}, "--dry-run")[0] == 0
    status, lines, said = migrate({"vo.a": {"projects": ["atlas"]}}, "--nodry-run")
    assert (status, lines) == (2, [])
    assert "there are no credentials" in said


def test_without_a_mapping_there_is_nothing_to_move(migrate):
    conf = "[DEFAULT]\nprojects = atlas\nmapping_file =\n"

    status, _, said = migrate({}, conf=conf)

    assert status == 2
    assert "there is no mapping file" in said
    assert migrate({}, "--migrate-projects", conf=conf)[1] == ["openstack project set --tag caso atlas"]


def test_of_several_clouds_each_has_its_commands_below_its_name(migrate):
    conf = CONF + "[usance]\nclouds = waw, bcn\n[cloud_waw]\n[cloud_bcn]\nvo_property = accounting:VO\n"

    _, lines, _ = migrate({"vo.a": {"projects": ["atlas"]}}, conf=conf)

    assert lines == [
        "# cloud waw",
        "openstack project set --property VO=vo.a atlas",
        "# cloud bcn",
        "openstack project set --property accounting:VO=vo.a atlas",
    ]

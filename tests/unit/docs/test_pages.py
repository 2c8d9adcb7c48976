"""The pages hold to the code, and to each other."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import msgspec
import pytest

from pages import PAGES, ROOT, SHELL, anchors, blocks, links, name
from server_timelines import at, server
from usance.cli.main import cli
from usance.config.load import Need, read_configuration
from usance.legacy.document import commands, document
from usance.records.cloud import cloud_records
from usance.records.cloud_v02 import CloudV02
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.json_lines import CloudJson
from usance.records.wire import MAX_MESSAGE_BYTES

COMMANDS_PAGE = ROOT / "docs" / "reference" / "commands.md"
RECORDS_PAGE = ROOT / "docs" / "reference" / "records.md"
CONFIGURATIONS = [one for page in PAGES for one in blocks(page) if one.kind == "ini"]
GIVEN = {
    "OS_AUTH_URL": "https://keystone.example.org:5000/v3",
    "OS_USERNAME": "accounting",
    "OS_PASSWORD": "secret",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_DEFAULT__SITE_NAME": "MY-SITE",
    "OS_DEFAULT__MESSENGERS": "noop",
}


def test_the_reference_of_the_commands_is_generated_from_them():
    """After a change: python -m usance.legacy.document > docs/reference/commands.md."""
    assert COMMANDS_PAGE.read_text(encoding="utf-8") == document()


def test_every_command_and_each_of_its_options_is_in_the_reference():
    text = document()

    listed = dict(commands())
    assert len(listed) >= 7
    for path, command in listed.items():
        section = text.partition(f"## {path}\n")[2].partition("\n## ")[0]
        assert section, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert f"`{parameter.opts[0]}`" in section, (path, parameter.opts[0])


def test_every_rule_that_the_role_accounting_needs_is_in_the_guide():
    guide = (ROOT / "docs" / "howto" / "site-administrator.md").read_text(encoding="utf-8")
    policies = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "lab/policies/accounting").glob("*.yaml")
    )

    rules = re.findall(r'^"([^"]+)":', policies, re.MULTILINE)
    assert len(rules) >= 10
    assert [rule for rule in rules if f"`{rule}`" not in guide] == []


def test_every_command_that_a_page_names_exists():
    below = cli.with_all().commands
    known = {path for path, _ in commands()} | {f"usance {name}" for name in below}

    for page in PAGES:
        for words in re.findall(r"`usance ([a-z]+)(?: ([a-z]+))?", page.read_text(encoding="utf-8")):
            first, second = words
            assert f"usance {first}" in known, (name(page), words)
            group = below[first]
            assert not isinstance(group, click.Group) or not second or second in group.commands, name(page)


def test_every_target_that_a_page_names_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    named = [
        (name(page), target)
        for page in PAGES
        for target in re.findall(
            r"(?:`|^)(?:USANCE_LAB=0 )?make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE
        )
    ]
    assert named
    assert [one for one in named if one[1] not in targets] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path):
    for target in links(page):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme == "https", target
            continue
        file = page.parent / unquote(parts.path) if parts.path else page
        assert file.exists(), target
        if parts.fragment:
            assert parts.fragment in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_says_why(page: Path):
    """A comment that stands before anything but commands would hide nothing, and says so here."""
    text = page.read_text(encoding="utf-8")
    shell = [one for one in blocks(page) if one.kind in SHELL]

    assert text.count("<!-- not run") == sum(one.not_run is not None for one in shell)
    assert not [one for one in blocks(page) if one.kind in {"", "bash", "shell"}]


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_in_a_page_means_something_throughout(block, tmp_path: Path):
    file = tmp_path / "usance.conf"
    file.write_text(block.body, encoding="utf-8")

    configuration = read_configuration([file], {}, GIVEN, need=Need.ALL, cwd=tmp_path, etc=tmp_path)

    assert configuration.findings == ()


def test_every_field_of_a_record_is_in_the_reference():
    """The record has a value for each of its fields, so that each format writes all that it knows."""
    timeline = server(
        ("2026-10-01 00:00", {"benchmark_type": "HEPSPEC06", "benchmark_value": "12.5"}),
        end="2026-10-01 01:00",
    )
    context = RecordContext(
        "MY-SITE", "cloud.example.org", "vo.example.org", user_names={"user1": "ada@egi.eu"}
    )
    [record] = cloud_records(timeline, at("2026-10-02 00:00"), context)

    table = re.findall(r"^\| `(\w+)` \|(.*?)\|(.*?)\|(.*?)\|", RECORDS_PAGE.read_text("utf-8"), re.MULTILINE)

    for place, form in enumerate((CloudV04(), CloudV02()), start=1):
        written = {line.partition(":")[0] for line in form.render(record).splitlines()}
        assert {row[0] for row in table if "\N{CHECK MARK}" in row[place]} == written
    written = set(msgspec.json.decode(CloudJson().render(record)))
    assert {row[0] for row in table if "\N{CHECK MARK}" in row[3]} == written


def test_the_size_of_a_message_in_the_reference_is_the_one_that_holds():
    assert f"{MAX_MESSAGE_BYTES // 1024} KiB" in RECORDS_PAGE.read_text(encoding="utf-8")

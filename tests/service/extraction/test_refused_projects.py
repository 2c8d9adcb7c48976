"""Projects that can't be had, and accounts that may do nothing: the others are accounted."""

import pytest

from service.extraction.witness import (
    FIRST,
    SECOND,
    accounted,
    complained,
    edit,
    good,
    hold_complete,
    project_ids,
    status,
    usual_site,
)
from usance.demo.site import PASSWORD


def test_an_unknown_project_is_named_and_the_others_are_accounted(tmp_path):
    """The next run, in which the spelling is mended, completes it, and the trouble is forgotten."""
    with usual_site(tmp_path, caso_tag="", projects="project0,projekt1,project2") as site:
        complained(site.command(FIRST), 1, "there is no project projekt1", "spelling")
        assert accounted(site) == project_ids(site, 0, 2)
        ends_with, found = status(site)
        assert ends_with == 1
        assert [one["project_id"] for one in found["sources"] if one["error"]] == ["projekt1"]

        edit(site, "projekt1", "project1")
        good(site.run(SECOND))

        hold_complete(site, SECOND)
        assert status(site)[0] == 0


def test_a_forbidden_project_is_named_and_the_others_are_accounted(tmp_path):
    """An account with a role in every second project only, until it is given another account."""
    with usual_site(tmp_path, caso_tag="", projects="project0,project1,project2") as site:
        edit(site, "username = accounting", "username = some-reader")
        complained(site.command(FIRST), 1, "project1", "role reader")
        assert accounted(site) == project_ids(site, 0, 2)

        edit(site, "username = some-reader", "username = accounting")
        good(site.run(SECOND))

        hold_complete(site, SECOND)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            f"password = {PASSWORD}",
            "password = wrong-horse",
            ("Keystone does not accept", "accounting", "password"),
        ),
        (
            "username = accounting",
            "username = nobody",
            ("does not let the account list projects", "the role reader"),
        ),
    ],
)
def test_an_account_that_opens_nothing_is_one_sentence(tmp_path, old, new, parts):
    with usual_site(tmp_path) as site:
        edit(site, old, new)

        done = site.command(FIRST)

        complained(done, 1, *parts)
        assert "wrong-horse" not in done.stdout + done.stderr
        assert site.messages() == []
        edit(site, new, old)
        good(site.run(SECOND))
        hold_complete(site, SECOND)


def test_what_has_no_vo_is_held_back_until_it_has_one(tmp_path):
    """The records of a project without VO wait, with their reason; once it has one they go out."""
    with usual_site(tmp_path, vo_property="VO", mapping_file=str(tmp_path / "voms.json")) as site:
        unmapped = site.cloud.site.projects[1]
        (tmp_path / "voms.json").write_text("{}")
        vo = unmapped.properties.pop("VO")
        done = site.command(FIRST)
        complained(done, 1, "3 records are held back", "usance status")
        assert f"project project1 ({unmapped.id}) is mapped to no VO" in done.stderr
        assert accounted(site) == project_ids(site, 0, 2)
        ends_with, found = status(site)
        assert ends_with == 1
        assert {(one["project_id"], one["quarantine"]["reason"]) for one in found["quarantined"]} == {
            (unmapped.id, f"FQAN: no VO is mapped to project {unmapped.id}")
        }

        (tmp_path / "voms.json").write_text(f'{{"{vo}": {{"projects": ["project1"]}}}}')
        good(site.run(SECOND))

        hold_complete(site, SECOND)
        assert status(site)[0] == 0


def test_a_project_that_is_not_selected_any_more_is_warned_of_while_something_of_it_lives(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        first, second, third = (one.id for one in site.cloud.site.projects)
        edit(site, "[DEFAULT]\n", f"[DEFAULT]\ncaso_tag =\nprojects = {first},{third}\n")

        report = site.run(SECOND)
        named = site.command(SECOND, "--projects", first)

        assert report.exit_status == 0
        (sentence,) = [one for one in report.warnings if "not selected any more" in one]
        assert second in sentence
        assert "not selected any more" not in named.stderr

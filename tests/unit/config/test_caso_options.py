"""Every option of every cASO is in the table, is accepted, and migrates to what means the same."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from usance.config.caso_options import OSLO_SOURCE, became, caso_options, document, meanings
from usance.config.findings import Level
from usance.config.load import Configuration, read_configuration
from usance.config.migrating import differences, hold_equal, migrate
from usance.config.options import SESSION_OPTIONS
from usance.model.errors import UsanceError

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "reference" / "caso-options.md"
GENERATIONS = ("1", "3", "5")
SECRETS = ("correct", "horse", "staple")


def read(path: Path) -> Configuration:
    return read_configuration([path], {}, {}, cwd=path.parent, etc=path.parent)


@pytest.fixture
def conf(tmp_path):
    """Write the configuration of a generation, or any other, and return its path."""

    def write(generation, text=None):
        (tmp_path / "voms.json").write_text("{}")
        text = text or (HERE / "generations" / f"caso-{generation}.conf").read_text()
        path = tmp_path / "caso.conf"
        path.write_text(text.replace("{mapping}", str(tmp_path / "voms.json")))
        return path

    return write


def test_the_page_is_generated_from_the_options():
    """After a change: python -m usance.config.caso_options > docs/reference/caso-options.md."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_every_option_stands_in_the_table_once_and_means_something():
    known = meanings()
    found = list(caso_options())

    assert max(Counter((one.section, one.name) for one in found).values()) == 1
    assert len(found) == 122
    assert all(became(one, known) for one in found)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_file_of_a_generation_sets_every_option_that_it_documents(conf, generation):
    raw = read(conf(generation)).readers[0].raw

    written = {(one.section, one.name) for one in raw.assignments}
    assert written == {
        (one.section, one.name)
        for one in caso_options()
        if generation in one.generations and one.section != OSLO_SOURCE
    }


@pytest.mark.parametrize("generation", GENERATIONS)
def test_no_option_of_a_generation_is_unknown_and_each_old_name_is_told_once(conf, generation):
    configuration = read(conf(generation))

    assert not [one for one in configuration.findings if one.level is Level.UNKNOWN]
    known = meanings()
    for one in configuration.readers[0].raw.assignments:
        meant = known[one.section][one.name]
        old = f"{one.where}: [{one.section}] {one.name} is an old name of "
        told = sum(old in str(finding) for finding in configuration.warnings)
        if meant.remark is not None:
            assert any(one.where in str(finding) for finding in configuration.findings)
        elif one.section != "extractor" or one.name == "mapping_file":
            assert told == ((meant.group, meant.name) != (one.section, one.name)), one


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_migrated_file_means_the_same_and_has_nothing_odd(conf, generation, tmp_path):
    before = read(conf(generation))
    written = tmp_path / "usance.conf"
    written.write_text(migrate(before).text(secrets=True))

    after = read(written)

    assert differences(before, after) == []
    assert after.clouds[0].cloud.auth.options == before.clouds[0].cloud.auth.options
    assert [str(one) for one in after.findings] == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_option_is_found_again_in_the_migrated_file(conf, generation):
    before = read(conf(generation))

    entries = migrate(before).entries

    for one in before.readers[0].raw.assignments:
        assert any(f"({one.where})" in entry.was for entry in entries), one


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_is_printed_shows_no_secret(conf, generation):
    migration = migrate(read(conf(generation)))

    shown = migration.text(secrets=False)
    assert not [secret for secret in SECRETS if secret in shown + repr(migration) + str(migration.changes)]
    assert "password = (not shown; --output writes it)" in shown
    assert "horse" in migration.text(secrets=True)


def test_a_file_of_caso_1_reads_like_one_of_today(conf):
    text = migrate(read(conf("1"))).text(secrets=True)

    assert "[extractor]\n" not in text
    for line in (
        "projects = b2221a58, demo",
        "messengers = noop, ssm",
        "auth_type = v3password",
        "auth_url = https://keystone.test.org:5000/v3",
        "username = reporter",
        "user_domain_id = default",
        "insecure = True",
        'password = "  correct $$ horse "',
        "output_path = /srv/apel",
    ):
        assert f"\n{line}\n" in text


def test_what_did_not_count_or_means_nothing_is_a_comment_that_says_so(conf):
    text = (
        "[DEFAULT]\nsite_name = S\nmessengers = noop\nspool_dir = /srv\nprojects = new\ntenants = old\n"
        "[keystone_auth]\nauth_type = v2password\nauth_url = http://k/v2.0\nusername = u\npassword = p\n"
        "tenant_name = t\n[extractor]\nuser = nobody\nendpoint = http://x\n[sms]\noutput_path = /x\n"
    )
    before = read(conf("mixed", text))

    written = migrate(before).text(secrets=True)

    for part in (
        "it means nothing; did you mean spooldir?\n# spool_dir = /srv\n",
        "it did not count beside [DEFAULT] projects\n# tenants = old\n",
        "it did not count beside [keystone_auth]\n# user = nobody\n",
        "projects are chosen by the options of [DEFAULT]\n# tenant_name = t\n",
        "\nauth_type = v3password\n",
        "\nauth_url = http://k/v3\n",
        "[sms]\n# left out: [sms] output_path",
    ):
        assert part in written


def test_sections_of_clouds_and_of_messengers_stay_as_they_are(conf, tmp_path):
    text = (
        "[DEFAULT]\nsite_name = S\nmessengers = file\n[messenger_file]\npath = /x\ntoken = hidden\n"
        "[usance]\nclouds = waw, bcn\n[cloud_waw]\nauth_section = a\nregion_name = W\n"
        "[cloud_bcn]\nauth_type = v3token\nauth_url = http://b/v3\ntoken = hidden too\n"
        "[a]\nauth_type = v3token\nauth_url = http://a/v3\ntoken = hidden\n"
    )
    before = read(conf("new", text))
    migration = migrate(before)
    written = tmp_path / "usance.conf"
    written.write_text(migration.text(secrets=True))

    assert differences(before, read(written)) == []
    assert "hidden" not in migration.text(secrets=False)
    assert "region_name = W" in migration.text(secrets=False)


def test_a_file_that_would_mean_something_else_is_refused(conf, tmp_path):
    before = read(conf("5"))
    other = tmp_path / "other.conf"
    other.write_text(migrate(before).text(secrets=True).replace("caso_tag = accounted", "caso_tag = x"))

    with pytest.raises(UsanceError, match="differs from what was read in: projects"):
        hold_equal(before, read(other))


def test_equality_is_blind_to_where_an_account_was_read_from_only(conf):
    before = read(conf("5"))
    [settings] = before.clouds
    cloud = msgspec.structs.replace(settings.cloud, timeout_s=21)
    other = read(conf("5"))
    other.clouds = (msgspec.structs.replace(settings, cloud=cloud),)

    assert differences(before, other) == ["cloud"]
    assert {option.dest for option in SESSION_OPTIONS} >= {"cafile", "timeout"}

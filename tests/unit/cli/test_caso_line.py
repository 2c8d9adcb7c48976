"""The command lines of cASO 1.x, 3.x and 5.x."""

from pathlib import Path

import pytest

from usance.legacy.caso_line import OLD_SPELLINGS, parse_line
from usance.model.errors import ConfigurationError


def parse(*arguments):
    return parse_line("caso-extract", arguments)


@pytest.mark.parametrize(
    ("arguments", "overrides"),
    [
        (["--extract_from", "None"], {"extract_from": "None"}),
        (["--extract-from", "2026-11-01", "--extract-to=2026-11-02"],
         {"extract_from": "2026-11-01", "extract_to": "2026-11-02"}),
        (["--extract_to", "2026-11-02"], {"extract_to": "2026-11-02"}),
        (["--tenants", "a,b"], {"projects": ["a", "b"]}),
        (["--projects", "a"], {"projects": ["a"]}),
        (["--dry_run"], {"dry_run": True}),
        (["--dry-run"], {"dry_run": True}),
        (["--nodry-run"], {"dry_run": False}),
        (["--extractor", "nova,cinder"], {"extractor": ["nova", "cinder"]}),
        (["--mapping_file", "/m"], {"mapping_file": "/m"}),
        (["--extractor-mapping_file", "/m"], {"mapping_file": "/m"}),
        (["--caso_tag", "t", "--vo_property", "p"], {"caso_tag": "t", "vo_property": "p"}),
        (["-d"], {"debug": True}),
        (["--debug"], {"debug": True}),
        (["--nodebug"], {"debug": False}),
        (["--log-file", "f", "--log-dir", "d"], {"log_file": "f", "log_dir": "d"}),
        (["--logfile", "f", "--logdir", "d"], {"log_file": "f", "log_dir": "d"}),
        (["--log_config", "c"], {"log_config_append": "c"}),
        (["--use-syslog", "--syslog-log-facility", "LOG_USER"],
         {"use_syslog": True, "syslog_log_facility": "LOG_USER"}),
        (["--watch-log-file"], {}),
        ([], {}),
    ],
)  # fmt: skip
def test_every_option_of_every_generation(arguments, overrides):
    assert parse(*arguments).overrides == overrides


def test_each_old_spelling_that_was_used_is_known():
    values = {"--dry_run": [], "--nodry_run": []}
    for spelling in OLD_SPELLINGS:
        assert parse(spelling, *values.get(spelling, ["x"])).old == (spelling,)
    assert parse("--tenants=a", "--projects", "b").old == ("--tenants",)
    assert parse("--extract-from=--dry_run").old == ()


def test_files_and_directories_are_taken_in_their_order(tmp_path):
    for name in ("a.conf", "b.conf"):
        (tmp_path / name).write_text("[DEFAULT]\nprojects = from-the-file\n")

    line = parse(
        "--config-file", f"{tmp_path}/a.conf", f"--config-file={tmp_path}/b.conf", "--config-dir", "/d"
    )

    assert line.files == (tmp_path / "a.conf", tmp_path / "b.conf")
    assert line.directories == (Path("/d"),)
    assert line.overrides == {}


@pytest.mark.parametrize("content", [b"\0", b"[DEFAULT\n", b"[DEFAULT]\nsite_name = \xff\n"])
def test_a_file_that_is_no_configuration_is_one_sentence(tmp_path, content):
    path = tmp_path / "caso.conf"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"caso\.conf"):
        parse("--config-file", str(path))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["--nonsense"], 2),
        (["x"], 2),
    ],
)
def test_what_is_no_extraction_ends_as_with_caso(arguments, status, capsys):
    with pytest.raises(SystemExit) as ending:
        parse(*arguments)

    assert (ending.value.code or 0) == status
    assert "".join(capsys.readouterr())


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_completion_script_is_printed_where_oslo_config_brings_one(shell, capsys):
    """Some of its releases come without the templates; then that is said."""
    with pytest.raises((SystemExit, ConfigurationError)) as ending:
        parse("--shell_completion", shell)

    if ending.type is SystemExit:
        assert "caso-extract" in capsys.readouterr().out
    else:
        assert "templates" in str(ending.value)


@pytest.mark.parametrize("arguments", [["--config-file"], ["--extract-from", "$nothing"]])
def test_a_line_that_cannot_be_used_is_one_sentence(arguments):
    with pytest.raises(ConfigurationError, match="the command line can't be used"):
        parse(*arguments)

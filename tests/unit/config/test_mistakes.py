"""What is wrong in a configuration is one sentence with its place; what is odd is a warning."""

from datetime import UTC, datetime

import pytest

from usance.config.files import find_files
from usance.config.load import Need, read_configuration
from usance.model.errors import ConfigurationError
from usance.model.period import EPOCH

GOOD = """\
[DEFAULT]
site_name = TEST-Site
messengers = ssm
[keystone_auth]
auth_type = v3password
auth_url = https://keystone.test.org/v3
username = accounting
user_domain_id = default
password = correct horse
"""


def read(tmp_path, text, environ=None, need=Need.ALL, **overrides):
    path = tmp_path / "caso.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_configuration([path], overrides, environ or {}, need=need, cwd=tmp_path, etc=tmp_path)


def refusal(tmp_path, text, environ=None, **overrides):
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text, environ, **overrides)
    message = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ("[usance]\nconcurrency = many", ["caso.conf:11: [usance] concurrency", "'many'", "from 1 to 256"]),
        ("[usance]\nconcurrency = 0", ["a whole number from 1 to 256"]),
        ("[usance]\ninterface = pubic", ["one of public, internal, admin", "did you mean public?"]),
        ("[keystone_auth]\ninsecure = perhaps", ["insecure = 'perhaps' should be true or false"]),
        ("[keystone_auth]\ntimeout = 1.5", ["timeout = '1.5' should be a whole number"]),
        ("[usance]\nsuspended_states = shelfed", ["no server is ever 'shelfed'", "did you mean shelved?"]),
        ("[usance]\nledger_url = mysql://root:secret@db/x", ["SQLite or PostgreSQL"]),
        ("[DEFAULT]\nspooldir = $spool_dir/x", ["spooldir refers with $", "write $$"]),
        ("[DEFAULT]\nspooldir = $lock_path\nlock_path = $spooldir", ["refers with $", "to itself"]),
        ("[DEFAULT]\nmapping_file = /does/not/exist", ["/does/not/exist does not exist"]),
        ("[DEFAULT]\nmessengers = sms", ["there is no 'sms'", "did you mean ssm?"]),
        ("[DEFAULT]\nmessengers =", ["messengers is empty"]),
        ("[DEFAULT]\nmessengers = logstash\n[logstash]\nport = 70000", ["[logstash] port"]),
        ("[DEFAULT]\nextractor = nova,cindre", ["there is no 'cindre'", "did you mean cinder?"]),
        ("[DEFAULT]\nextractor = novva", ["did you mean nova?"]),
        ("[messenger_ssm]\nrecord_types = clouds", ["names no type of record"]),
        ("[DEFAULT]\nextract_from = last tuesday", ["it is not a time", "2026-11-21"]),
        ("[DEFAULT]\nextract_from = 2026-11-02\nextract_to = 2026-11-01", ["should lie before"]),
        ("[keystone_auth]\nauth_section = extractor", ["can't be named [extractor]"]),
    ],
)
def test_a_bad_value_is_named_with_its_place_and_what_is_expected(tmp_path, lines, parts):
    message = refusal(tmp_path, f"{GOOD}{lines}\n")

    for part in parts:
        assert part in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("site_name = TEST-Site\n", "", ["site_name is not set", "GOCDB"]),
        ("auth_type = v3password\n", "", ["has an auth_url but no auth_type", "v3password"]),
        ("v3password", "v3pasword", ["no plug-in 'v3pasword'", "did you mean v3password?"]),
        ("auth_url = https://keystone.test.org/v3\n", "", ["v3password needs auth_url"]),
        ("https://", "", ["should begin with http:// or https://"]),
        ("user_domain_id = default\n", "", ["user_domain_id or user_domain_name"]),
    ],
)
def test_what_is_missing_is_named(tmp_path, old, new, parts):
    message = refusal(tmp_path, GOOD.replace(old, new))

    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[DEFAULT]\nsite_name = a\0b\n", "NUL bytes"),
        (b"[DEFAULT]\nsite_name = Universit\xe9\n", "caso.conf:2: this is not UTF-8"),
        (b"\xff\xfe[\0D\0", "NUL bytes"),
        (b"#" * (1 << 20) + b"\n[DEFAULT]\n", "larger than 1 MiB"),
        (b"site_name = a\n", "caso.conf:1: 'site_name' stands before any section"),
        (b"[DEFAULT\n", "caso.conf:1: invalid section"),
        (b"[DEFAULT]\npassword correct-horse\n", "caso.conf:2: no ':' or '=' found"),
        (b"[DEFAULT]\n= 1\n", "caso.conf:2: key cannot be empty"),
        (b'{"site_name": 1}\n', "caso.conf:1: "),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_its_line(tmp_path, content, part):
    message = refusal(tmp_path, content)

    assert part in message
    assert "correct-horse" not in message


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path):
    for path, part in ((tmp_path / "none.conf", "No such file"), (tmp_path, "is not a file")):
        with pytest.raises(ConfigurationError, match=part):
            read_configuration([path], {}, {})


def test_a_mistake_in_the_environment_is_named_as_such(tmp_path):
    message = refusal(tmp_path, GOOD, {"OS_USANCE__CONCURRENCY": "many"})

    assert "the environment variable OS_USANCE__CONCURRENCY = 'many'" in message


def test_a_misspelt_option_is_warned_of_with_what_was_meant(tmp_path):
    text = f"{GOOD}[DEFAULT]\nspool_dir = x\ndebug = true\nwibble = 1\n[ssm]\noutputpath = x\nhost = y\n"

    told = [str(one) for one in read(tmp_path, text).warnings]

    assert len(told) == 4
    assert "caso.conf:11: there is no option 'spool_dir' in [DEFAULT]" in told[0]
    assert told[0].endswith("did you mean spooldir?")
    assert "'wibble'" in told[1]
    assert told[2].endswith("did you mean output_path?")
    assert told[3].endswith("it belongs into [publish]")


def test_a_misspelt_section_is_warned_of_once(tmp_path):
    text = f"{GOOD}[keystone_auht]\na = 1\nb = 2\n[default]\nc = 3\n"

    told = [str(one) for one in read(tmp_path, text).warnings]

    assert len(told) == 2
    assert told[0].endswith(
        "there is no section [keystone_auht], nothing in it counts; did you mean [keystone_auth]?"
    )
    assert told[1].endswith("did you mean [DEFAULT]?")


def test_a_file_of_nothing_but_unknown_names_is_told_so_and_soon(tmp_path):
    text = GOOD + "".join(f"[section{number}]\na = 1\n" for number in range(30_000))

    told = [str(one) for one in read(tmp_path, text).warnings]

    assert len(told) == 51
    assert told[-1] == "there are more than 50 names that mean nothing"


def test_an_error_carries_the_misspelling_that_explains_it(tmp_path):
    path = tmp_path / "caso.conf"
    path.write_text(GOOD.replace("site_name", "sitename"))

    with pytest.raises(ConfigurationError, match="site_name is not set") as caught:
        read_configuration([path], {}, {})

    [note] = caught.value.__notes__
    assert "caso.conf:2: there is no option 'sitename'" in note


def test_no_secret_is_ever_shown(tmp_path):
    text = f"{GOOD}[usance]\nledger_url = postgresql://u:swordfish@db/usance?sslpassword=tuna\n"
    text += "[messenger_file]\ntoken = herring\n"

    configuration = read(tmp_path, text.replace("messengers = ssm", "messengers = file"))

    assert configuration.settings.ledger_url == "postgresql+psycopg://u:swordfish@db/usance?sslpassword=tuna"
    shown = repr(configuration.settings) + str(configuration.findings)
    assert "postgresql+psycopg://u@db/usance" in shown
    for secret in ("correct horse", "swordfish", "tuna", "herring"):
        assert secret not in shown


def test_a_secret_with_a_stray_dollar_is_not_shown_either(tmp_path):
    message = refusal(tmp_path, GOOD.replace("correct horse", "sword$fish"))

    assert "[keystone_auth] password refers with $" in message
    assert "fish" not in message


def test_what_a_command_does_not_need_may_be_missing(tmp_path):
    settings = read(tmp_path, "[DEFAULT]\nspooldir = /srv\n", need=Need.NOTHING).settings

    assert settings.ledger_url == "sqlite:////srv/usance.sqlite"


def test_extract_from_none_is_the_beginning_of_time(tmp_path):
    assert read(tmp_path, GOOD, extract_from="None").request.extract_from == EPOCH
    assert read(tmp_path, GOOD, extract_from="1955-01-01").request.extract_from == EPOCH
    assert read(tmp_path, GOOD).request.extract_from is None


def test_whether_a_period_lies_in_the_future_is_left_to_the_clock_of_the_cloud(tmp_path):
    request = read(tmp_path, GOOD, extract_from="2101-01-01", extract_to="2102-01-01").request

    assert request.extract_from == datetime(2101, 1, 1, tzinfo=UTC)
    assert request.extract_to == datetime(2102, 1, 1, tzinfo=UTC)


def test_offsets_of_a_period_are_respected(tmp_path):
    request = read(tmp_path, GOOD, extract_from="2026-11-01T00:00:00+02:00", extract_to="2026-11-02").request

    assert request.extract_from == datetime(2026, 10, 31, 22, tzinfo=UTC)
    assert request.extract_to == datetime(2026, 11, 2, tzinfo=UTC)


def test_files_are_looked_for_where_caso_looked(tmp_path):
    home, etc = tmp_path / "home", tmp_path / "etc"
    for path in (home / ".caso", etc / "caso" / "caso.conf.d", etc / "usance"):
        path.mkdir(parents=True)
    environ = {"HOME": str(home)}

    assert find_files("caso", environ, etc) == []
    (etc / "caso.conf").touch()
    assert find_files("caso", environ, etc) == [etc / "caso.conf"]
    (etc / "caso" / "caso.conf").touch()
    parts = [etc / "caso" / "caso.conf.d" / name for name in ("10.conf", "20.conf")]
    for part in parts:
        part.touch()
    assert find_files("usance", environ, etc) == [etc / "caso" / "caso.conf", *parts]
    (home / ".caso" / "caso.conf").touch()
    assert find_files("caso", environ, etc) == [home / ".caso" / "caso.conf", *parts]
    (etc / "usance" / "usance.conf").touch()
    assert find_files("usance", environ, etc) == [etc / "usance" / "usance.conf"]

"""Every option of every Almanach is in the page, is accepted, and means what the page says."""

from pathlib import Path

import pytest

from usance.config.findings import Level
from usance.config.load import Configuration, Need, read_configuration
from usance.config.settings import Strategy
from usance.legacy.almanach_document import OPTIONS, document, rows, rows_of_3
from usance.legacy.almanach_ini import SPOOL, known_of_3, read_ini, strategy_of
from usance.legacy.almanach_services import defaults_of_4
from usance.model.errors import ConfigurationError

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "reference" / "almanach-options.md"
FILES = {"3.3": HERE / "generations/almanach-3.3.conf", "4.x": HERE / "generations/almanach-4.conf"}
INI = HERE / "generations/almanach-3.cfg"


def of_3(path: Path = INI, **environ: str) -> Configuration:
    """Read a file of 3.x."""
    return read_configuration(
        [], read_ini(path, environ).overrides, environ, need=Need.API, cwd=HERE, etc=HERE
    )


def of_4(path: Path, **environ: str) -> Configuration:
    """Read a file of 3.3 or 4.x as almanach-api does."""
    overrides = defaults_of_4([path], environ)
    return read_configuration([path], overrides, environ, need=Need.API, cwd=HERE, etc=HERE)


@pytest.fixture
def file(tmp_path):
    """Write a file."""

    def write(text: str) -> Path:
        path = tmp_path / "almanach.conf"
        path.write_text(text)
        return path

    return write


def test_the_page_is_generated_from_the_options():
    """After a change: python -m usance.legacy.almanach_document > docs/reference/almanach-options.md."""
    assert PAGE.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize("generation", OPTIONS)
def test_the_file_of_a_generation_sets_every_option_and_none_is_unknown(generation):
    configuration = of_4(FILES[generation])

    written = {(one.section, one.name) for one in configuration.readers[0].raw.assignments}
    assert written == {(one.section, one.name) for one in rows(generation)} | {("DEFAULT", "debug")}
    assert [one for one in configuration.findings if one.level is Level.UNKNOWN] == []


def test_the_file_of_3_sets_every_option_and_none_is_unknown():
    file = read_ini(INI, {})

    assert len(list(rows_of_3())) == 22
    assert file.unknown == ()
    said = " ".join(file.gone)
    for one in rows_of_3():
        assert one.today or f"[{one.section}] {one.name}" in said
    assert not any(secret in said for secret in ("horse", "staple"))


def test_a_file_of_3_means_what_it_meant():
    settings = of_3().settings
    api = settings.api

    assert (api.almanach_version, api.private_key) == (3, "my secret token of 3")
    assert api.strategy == Strategy.PRIVATE_KEY | Strategy.KEYSTONE
    assert api.keystone.account.auth_type == "v3password"
    assert api.keystone.account.options == {
        "auth_url": "http://keystone.example.org:5000/v3",
        "username": "my_service_username",
        "password": "my_service_password",
        "user_domain_id": "default",
        "project_name": "my_service_tenant_name",
        "project_domain_name": "Default",
    }
    assert api.entities.volume_threshold_s == 61
    assert settings.collector.queues == ("almanach.info",)
    assert settings.collector.durable is False
    assert [repr(one) for one in settings.collector.brokers] == ["broker.example.org:5672/"]
    assert settings.ledger_url == f"sqlite:///{SPOOL}/usance.sqlite"


def test_a_file_of_33_means_what_it_meant():
    settings = of_4(FILES["3.3"]).settings

    assert (settings.api.bind_ip, settings.api.bind_port) == ("127.0.0.2", 8001)
    assert settings.api.strategy is Strategy.KEYSTONE
    assert settings.collector.durable is False  # as Almanach made its queue
    assert settings.api.private_key is None  # it opens nothing where only Keystone is asked
    assert settings.api.keystone.account.options["auth_url"] == "http://keystone.example.org:5000/v3"
    assert settings.api.keystone.account.options["project_name"] == "my_service_tenant_name"
    assert settings.collector.queues == ("almanach.info",)
    assert settings.api.entities.volume_threshold_s == 61


def test_a_file_of_4_means_what_it_meant():
    settings = of_4(FILES["4.x"]).settings

    assert settings.api.almanach_version == 4
    assert settings.api.private_key == "my secret token of 4"
    assert settings.collector.routing_keys == ("almanach.info", "almanach.error")  # as Almanach 4 read both
    assert len(settings.collector.brokers) == 2


def test_the_environment_comes_before_the_file_of_3_unless_it_is_empty():
    environ = {
        "ALMANACH_AUTH_TOKEN": "of the environment",
        "RABBITMQ_URL": "amqp://a:b@elsewhere:5672/",
        "KEYSTONE_USERNAME": "",
        "MONGODB_URL": "mongodb://x:correct-horse@y/z",
    }

    settings = of_3(**environ).settings

    assert settings.api.private_key == "of the environment"
    assert settings.api.keystone.account.options["username"] == "my_service_username"
    assert [repr(one) for one in settings.collector.brokers] == ["elsewhere:5672/"]
    [mongo] = [one for one in read_ini(INI, environ).gone if "MONGODB_URL" in one]
    assert "usance import almanach" in mongo
    assert "horse" not in mongo


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("private_key", "private_key"),
        ("keystone", "keystone"),
        ("token,keystone", "private_key,keystone"),
        ("keystone, token", "private_key,keystone"),
        ("anything else", "private_key"),
    ],
)
def test_a_strategy_of_3_is_what_almanach_took_it_for(word, meaning):
    assert strategy_of(word) == meaning


def test_the_ledger_is_where_the_file_or_the_environment_says(file):
    own = file(INI.read_text() + "\n[usance]\nledger_url = sqlite:////srv/usage.sqlite\n")
    url = "postgresql://u:p@db/usance"

    assert of_3(own).settings.ledger_url == "sqlite:////srv/usage.sqlite"
    assert of_3(own, USANCE_LEDGER_URL=url).settings.ledger_url.endswith("@db/usance")
    assert of_4(FILES["4.x"], USANCE_LEDGER_URL=url).settings.ledger_url.endswith("@db/usance")
    assert of_4(FILES["4.x"]).settings.ledger_url == f"sqlite:///{SPOOL}/usance.sqlite"
    assert of_4(file("[DEFAULT]\nspooldir = /srv\n")).settings.ledger_url == "sqlite:////srv/usance.sqlite"


def test_the_private_key_of_4_is_secret_where_nobody_chose_one(file):
    assert of_4(file("[api]\nbind_port = 8000\n")).settings.api.private_key == "secret"
    assert of_4(file("[auth]\nprivate_key = chosen\n")).settings.api.private_key == "chosen"


def test_what_means_nothing_is_pointed_out(file):
    odd = file("[ALMANACH]\nauth_tokne = x\n[MONGO]\nurl = y\n[auth]\nprivate_key = z\n")

    assert list(read_ini(odd, {}).unknown) == [
        f"{odd}: there is no option 'auth_tokne' in [ALMANACH], it does not count; did you mean auth_token?",
        f"{odd}: there is no section [MONGO], nothing in it counts; did you mean [MONGODB]?",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "no section = here\n",
        "[ALMANACH\n",
        "\xff\n",
        "[ALMANACH]\nauth_token: correct-horse\n  x\n y\n[b]\nz\n",
    ],
)
def test_what_is_no_configuration_is_one_sentence_without_what_stands_there(tmp_path, text):
    path = tmp_path / "almanach.cfg"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigurationError) as caught:
        read_ini(path, {})

    assert str(path) in str(caught.value)
    assert "horse" not in str(caught.value)


def test_known_names_are_those_of_the_file():
    assert {section: set(names) for section, names in known_of_3().items()}["MONGODB"] == {
        "url", "database", "indexes",
    }  # fmt: skip

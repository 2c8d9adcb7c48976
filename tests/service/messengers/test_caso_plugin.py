"""Messengers of somebody else's, installed as distributions: for Usance, and for cASO."""

import importlib
import itertools
import json
import sys
from textwrap import dedent

import pytest
from oslo_config import cfg

from apel_arithmetic import parse_message
from outbox_messages import outbox_message
from service.extraction.witness import FIRST, SECOND, good, usual_site
from usance.config.installed import look_again
from usance.config.load import Need, read_configuration
from usance.config.settings import MessengerSettings
from usance.messengers.registry import find_messenger
from usance.model.errors import ConfigurationError, DeliveryError

NUMBERS = itertools.count()
PUSHES = """
    class Messenger:
        def push(self, records):
            with open({out!r}, "a") as out:
                for one in records:
                    out.write(one.model_dump_json(by_alias=True) + "\\n")
"""
LINE = {
    "SiteName": "TEST-Site", "CloudType": "usance", "CloudComputeService": "cloud.test.org",
    "VMUUID": "cd447e35-b8b6-48fe-842e-3d437204e52d", "LocalGroupId": "project1", "FQAN": "vo.example.org",
    "Status": "started", "PublicIPCount": 0, "CpuCount": 2, "Memory": 2048, "Disk": 20, "SuspendDuration": 0,
    "StartTime": 1790848800, "WallDuration": 3600, "CpuDuration": 7200, "record_id": "cloud/cd/2026-10",
}  # fmt: skip


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with a module and its entry points; return the module's name."""
    place = tmp_path / "site-packages"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    installed = []

    def made(code, *names, group="caso.messenger", value=""):
        module = f"pigeon{next(NUMBERS)}"
        installed.append(module)
        (place / f"{module}.py").write_text(dedent(code))
        info = place / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        points = "".join(f"{name} = {value or f'{module}:Messenger'}\n" for name in names or (module,))
        (info / "entry_points.txt").write_text(f"[{group}]\n{points}")
        importlib.invalidate_caches()
        look_again()
        return module

    yield made
    for module in installed:
        sys.modules.pop(module, None)
    cfg.CONF.reset()
    look_again()


def message(**changes):
    body = json.dumps({**LINE, **changes}).encode() + b"\n"
    return outbox_message(body=body)


def refusal(name, **options):
    with pytest.raises(ConfigurationError) as caught:
        find_messenger(MessengerSettings(name, **options))
    text = str(caught.value)
    assert "\n" not in text
    return text


def failure(messenger, sent=None):
    with pytest.raises(DeliveryError) as caught:
        messenger.send(sent or message())
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_run_gives_the_records_to_a_messenger_written_for_caso_and_only_what_is_new(install, tmp_path):
    out = tmp_path / "pushed.jsonl"
    name = install(PUSHES.format(out=str(out)))
    with usual_site(tmp_path, messengers=f"ssm, {name}") as site:
        good(site.run(FIRST))
        first = out.read_text().splitlines()
        good(site.run(FIRST))
        assert out.read_text().splitlines() == first
        good(site.run(SECOND))

        pushed = [json.loads(line) for line in out.read_text().splitlines()]
        sent = [record for body in site.messages() for record in parse_message(body)]
        assert len(pushed) == len(sent) > len(first) > 0
        said = ("VMUUID", "WallDuration", "CpuDuration", "SuspendDuration", "GlobalUserName", "MachineName")
        assert sorted([str(one[key]) for key in said] for one in pushed) == sorted(
            [one[key] for key in said] for one in sent
        )


def test_a_push_that_fails_keeps_its_messages_and_holds_back_nobody(install, tmp_path):
    out, broken = tmp_path / "pushed.jsonl", tmp_path / "broken"
    name = install(
        f"""
        import os
        class Messenger:
            def push(self, records):
                if os.path.exists({str(broken)!r}):
                    raise RuntimeError("the pigeon\\n is ill")
                with open({str(out)!r}, "a") as out:
                    out.writelines(one.json(by_alias=True) + "\\n" for one in records)
        """
    )
    broken.touch()
    with usual_site(tmp_path, messengers=f"{name}, ssm") as site:
        report = site.run(FIRST)

        [ill, ssm] = report.messengers
        assert report.exit_status == 1
        assert ill.error == f"The messenger {name} failed: RuntimeError: the pigeon is ill"
        assert (ill.delivered, ssm.pending) == (0, 0)
        assert ill.pending > 0

        broken.unlink()
        good(site.run(FIRST))
        assert len(out.read_text().splitlines()) == ssm.records


def test_a_messenger_of_a_third_party_is_found_by_its_entry_point(install, tmp_path):
    name = install(
        """
        class Messenger:
            formats = {"cloud": "cloud-json"}
            max_records = 7
            max_bytes = 100_000
            def __init__(self, settings):
                self.name, self.path = settings.name, settings.options["path"]
                self.record_types = frozenset(settings.record_types or self.formats)
            def send(self, message):
                with open(self.path, "ab") as out:
                    out.write(message.body)
        """,
        "carrier",
        group="usance.messengers",
    )
    section = f"[messenger_carrier]\npath = {tmp_path / name}\n"
    with usual_site(tmp_path, messengers="carrier", sections=section) as site:
        good(site.run(FIRST))

        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        assert {one["record_type"] for one in lines} == {"cloud"}


def test_options_that_a_messenger_registers_come_from_the_same_files(install, tmp_path):
    name = install(
        """
        from oslo_config import cfg
        CONF = cfg.CONF
        CONF.register_opts([cfg.StrOpt("loft"), cfg.IntOpt("wings", default=2)], group="pigeons")
        CONF.register_cli_opts([cfg.StrOpt("breed")])
        class Messenger:
            def __init__(self):
                self.loft = CONF.pigeons.loft
            def push(self, records):
                raise RuntimeError(f"{self.loft} {CONF.pigeons.wings} {CONF.breed}")
        """
    )
    text = (
        f"[DEFAULT]\nsite_name = TEST-Site\nmessengers = {name}\nbreed = homer\n"
        f"[pigeons]\nloft = $breed-loft\nwigns = 3\n[messenger_{name}]\nrecord_types = cloud\nmax_size = 3\n"
    )
    path = tmp_path / "caso.conf"
    path.write_text(text)

    configuration = read_configuration([path], {}, {}, need=Need.RECORDS, cwd=tmp_path, etc=tmp_path)
    [settings] = configuration.settings.messengers
    messenger = find_messenger(settings)

    assert failure(messenger).endswith("RuntimeError: homer-loft 2 homer")
    assert (messenger.record_types, messenger.max_records) == ({"cloud"}, 3)
    [odd] = [str(one) for one in configuration.warnings]
    assert "there is no option 'wigns' in [pigeons]" in odd
    assert "did you mean wings?" in odd


def test_options_that_make_no_sense_to_a_messenger_are_one_sentence(install, tmp_path):
    name = install(
        """
        from oslo_config import cfg
        cfg.CONF.register_opts([cfg.IntOpt("wings")], group="feathered")
        class Messenger:
            def __init__(self):
                self.wings = cfg.CONF.feathered.wings
            def push(self, records):
                pass
        """
    )
    path = tmp_path / "caso.conf"
    path.write_text("[feathered]\nwings = two\n")

    text = refusal(name, files=(path,))

    assert f"the messenger {name} ({name}:Messenger) can't be made: ConfigFileValueError" in text
    assert "are its options in the configuration file?" in text


def test_a_messenger_that_imports_caso_is_refused_with_what_to_do_where_caso_is_not(install):
    name = install("import caso.messenger\nclass Messenger(caso.messenger.BaseMessenger): ...\n")

    assert refusal(name) == (
        f"the messenger {name} ({name}:Messenger) needs cASO, which is not installed"
        " (install the package caso beside usance: only its modules are used)"
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nowhere_at_all\n", "can't be loaded: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("raise SystemExit(3)\n", "can't be loaded: SystemExit: 3"),
        ("class Pigeon: ...\n", "can't be loaded: AttributeError"),
        (
            "class Messenger:\n def __init__(self, conf): ...\n def push(self, records): ...\n",
            "can't be made without arguments, as cASO 4 and 5 make theirs",
        ),
        ("Messenger = 3\n", "can't be made without arguments"),
        ("class Messenger:\n def push(self): ...\n", "has no push(records), which cASO 4 and 5 call"),
        ("class Messenger:\n def push(self, records, version): ...\n", "has no push(records)"),
        ("class Messenger:\n def send(self, records): ...\n", "has no push(records)"),
        (
            "class Messenger:\n def __init__(self): raise KeyError('pw')\n def push(self, records): ...\n",
            "can't be made: KeyError: 'pw'",
        ),
    ],
)
def test_what_can_not_be_adapted_is_refused_in_one_sentence(install, code, reason):
    name = install(code)

    assert f"the messenger {name} ({name}:Messenger) {reason}" in refusal(name)


@pytest.mark.parametrize(
    "push",
    [
        "for uuid, record in records.items(): print(uuid)",
        "for uuid in records.keys(): print(uuid)",
        "for _, record in records.iteritems(): print(record)",
    ],
)
def test_a_messenger_of_caso_3_and_older_is_told_apart_and_keeps_its_message(install, push):
    name = install(f"class Messenger:\n def push(self, records):\n  {push}\n")

    text = failure(find_messenger(MessengerSettings(name)))

    assert text.startswith(f"The messenger {name} is written for cASO 3 or older, whose records came by id")


def test_a_push_that_ends_the_program_is_a_failure(install):
    name = install("class Messenger:\n def push(self, records): raise SystemExit('enough')\n")

    assert (
        failure(find_messenger(MessengerSettings(name))) == f"The messenger {name} failed: SystemExit: enough"
    )


def test_our_names_come_first(install):
    install("class Messenger:\n def push(self, records): ...\n", "ssm")

    assert type(find_messenger(MessengerSettings("ssm"))).__module__ == "usance.messengers.ssm"


def test_what_caso_itself_brings_along_is_not_meant(install):
    """Where cASO is installed, too, the names that we don't have stay unknown."""
    install("", "ssmv9", value="caso.messenger.ssm:SSMMessenger")
    install("", "cassowary")

    assert "there is no 'ssmv9'" in refusal("ssmv9")
    assert "did you mean cassowary?" in refusal("cassowarry")

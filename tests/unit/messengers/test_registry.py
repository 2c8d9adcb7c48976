import pytest

from usance.config.plugins import OLD_CLASSES, old_classes, translate
from usance.config.settings import MessengerSettings
from usance.messengers.file import FileMessenger
from usance.messengers.noop import NoopMessenger
from usance.messengers.registry import find_format, find_messenger, find_messengers
from usance.messengers.ssm import SsmMessenger, SsmV2Messenger
from usance.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("configured", "cls"),
    [
        ("ssm", SsmMessenger),
        ("ssmv4", SsmMessenger),
        ("ssmv2", SsmV2Messenger),
        ("file", FileMessenger),
        ("noop", NoopMessenger),
        ("caso.messenger.noop.NoopMessenger", NoopMessenger),
        ("caso.messenger.ssm.SsmMessager", SsmMessenger),
        ("caso.messenger.ssm.SSMMessengerV02", SsmV2Messenger),
        ("caso.messenger.ssm.SSMMessengerV04", SsmMessenger),
    ],
)
def test_messengers_are_found_by_the_names_of_every_generation(configured, cls):
    assert type(find_messenger(MessengerSettings(configured))) is cls


@pytest.mark.parametrize(("cls", "name"), OLD_CLASSES.items())
def test_every_class_that_caso_ever_released_has_a_name_today(cls, name):
    """Their paths stood in `messengers` up to 1.4; entry points are written with a colon."""
    module, _, own = cls.rpartition(".")

    account = {"email": "site@example.org", "password": "secret"}  # which greendigit_cim wants

    assert translate(cls) == translate(f"{module}:{own}") == name
    assert find_messenger(MessengerSettings(cls, account if name == "greendigit_cim" else {})).name == name


def test_old_classes_are_told_once_with_what_to_write():
    assert old_classes(["ssm", "noop"]) is None
    assert old_classes(["caso.messenger.noop.NoopMessenger", "ssmv4"]) == (
        "classes of cASO were named so up to 1.4; write messengers = noop, ssmv4"
    )
    assert "(ssmv2 for records v0.2" in old_classes(["caso.messenger.ssm.SsmMessager"])


def test_an_unknown_messenger_is_named_with_those_that_exist():
    with pytest.raises(ConfigurationError, match=r"there is no 'ostrich' \(there are ams, file"):
        find_messenger(MessengerSettings("ostrich"))


def test_two_names_of_one_messenger_are_a_mistake():
    with pytest.raises(ConfigurationError, match="configured twice"):
        find_messengers([MessengerSettings("ssm"), MessengerSettings("ssmv4")])


def test_every_messenger_has_a_format_of_the_records_that_it_carries():
    for messenger in find_messengers(MessengerSettings(name) for name in ("ssm", "ssmv2", "file", "noop")):
        assert messenger.record_types == messenger.formats.keys()
        for record_type, name in messenger.formats.items():
            assert (find_format(name).name, find_format(name).record_type) == (name, record_type)


def test_a_format_that_nobody_provides_is_a_mistake():
    with pytest.raises(ConfigurationError, match="no record format 'papyrus'"):
        find_format("papyrus")


@pytest.mark.parametrize("size", ["0", "-1", "many", "1.5", "²"])
def test_a_size_that_makes_no_sense_is_a_mistake(size):
    with pytest.raises(ConfigurationError, match="max_size of the messenger ssm"):
        find_messenger(MessengerSettings("ssm", {"max_size": size}))


def test_a_word_that_is_no_choice_is_a_mistake():
    with pytest.raises(ConfigurationError, match="give one of split, single"):
        find_messenger(MessengerSettings("ssm", {"queues": "both"}))


def test_a_messenger_carries_only_the_types_that_it_is_told_to():
    wanted = frozenset({"ip", "cloud"})

    assert find_messenger(MessengerSettings("ssm", record_types=wanted)).record_types == wanted


def test_what_a_messenger_does_not_carry_is_said_and_left_out(caplog):
    messenger = find_messenger(MessengerSettings("ssmv2", record_types=frozenset({"cloud", "ip"})))

    assert messenger.record_types == {"cloud"}
    assert "the messenger ssmv2 does not carry ip" in caplog.text


def test_a_messenger_that_would_carry_nothing_is_a_mistake():
    """In cASO it would get everything."""
    with pytest.raises(ConfigurationError, match=r"does not carry \(ip\) \(it carries cloud\)"):
        find_messenger(MessengerSettings("ssmv2", record_types=frozenset({"ip"})))


def test_the_types_that_have_other_destinations_have_queues_of_their_own():
    split = find_messenger(MessengerSettings("ssm", {"output_path": "/q/openstack"}))
    single = find_messenger(MessengerSettings("ssm", {"output_path": "/q/openstack", "queues": "single"}))

    assert str(split.queue_path("cloud")) == str(single.queue_path("storage")) == "/q/openstack"
    assert str(split.queue_path("storage")) == "/q/openstack-storage"

"""What the collector is told: addresses as oslo.messaging writes them, names, files, clouds."""

import pytest

from usance.config.collector import check_told_apart
from usance.config.load import Need, read_configuration
from usance.config.settings import BrokerHost, BrokerSettings
from usance.model.errors import ConfigurationError

ONE = "[collector]\ntransport_url = rabbit://openstack:secret@mq1.example.org:5673/accounting\n"


@pytest.fixture
def read(tmp_path):
    def read_text(text, environ=None):
        path = tmp_path / "usance.conf"
        path.write_text(text)
        return read_configuration([path], {}, environ or {}, need=Need.NOTHING, cwd=tmp_path, etc=tmp_path)

    return read_text


def brokers(configuration):
    return configuration.settings.collector.brokers


def broker(*hosts, virtual_host="/", tls=False):
    return BrokerSettings(tuple(BrokerHost(*one) for one in hosts), virtual_host, tls=tls)


def url(text):
    return f"[collector]\ntransport_url = {text}\n"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("rabbit://a:b@one:1/v", broker(("one", 1, "a", "b"), virtual_host="v")),
        ("rabbit://one", broker(("one", 5672, "guest", "guest"))),
        ("amqp://a:b@one//", broker(("one", 5672, "a", "b"))),
        ("kombu+amqp://a:b@one/%2F", broker(("one", 5672, "a", "b"))),
        ("amqps://a:b@one/v", broker(("one", 5671, "a", "b"), virtual_host="v", tls=True)),
        ("rabbit://a:b@one/v?ssl=1", broker(("one", 5671, "a", "b"), virtual_host="v", tls=True)),
        ("rabbit://a:p%40%2Fq%2C@[::1]:7/v", broker(("::1", 7, "a", "p@/q,"), virtual_host="v")),
        (
            "rabbit://a:b@one:1,c:d@two:2/v",
            broker(("one", 1, "a", "b"), ("two", 2, "c", "d"), virtual_host="v"),
        ),
        ("rabbit://a:b@one,two", broker(("one", 5672, "a", "b"), ("two", 5672, "a", "b"))),
    ],
)
def test_addresses_mean_what_they_mean_to_oslo_messaging(read, address, meant):
    assert brokers(read(url(address))) == (meant,)


def test_several_addresses_are_told_from_several_hosts_of_one(read):
    found = brokers(read(url("rabbit://a:b@one,a:b@two/v, rabbit://a:b@three,a:b@two/v")))

    assert found == (
        broker(("one", 5672, "a", "b"), ("two", 5672, "a", "b"), virtual_host="v"),
        broker(("three", 5672, "a", "b"), ("two", 5672, "a", "b"), virtual_host="v"),
    )


@pytest.mark.parametrize(
    "address",
    [
        *("http://one/", "one:5672", "rabbit://", "rabbit://one:port", "rabbit://a:hush@one:99999/"),
        *("rabbit://a:12/hush@one/", "rabbit://a:12?hush@one/", "rabbit://a:12#hush@one/"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(read, address):
    with pytest.raises(ConfigurationError, match="transport_url") as caught:
        read(url(address))

    assert "hush" not in str(caught.value)


def test_rabbitmq_url_comes_before_the_file(read):
    found = brokers(read(ONE, {"RABBITMQ_URL": "amqp://x:y@elsewhere:5672"}))

    assert found == (broker(("elsewhere", 5672, "x", "y")),)
    assert brokers(read(ONE, {"RABBITMQ_URL": ""})) == brokers(read(ONE))


def test_no_password_is_shown(read):
    settings = read(ONE).settings

    assert "secret" not in repr(settings)
    assert "mq1.example.org:5673/accounting" in repr(settings)


def test_queues_are_those_of_the_topics_unless_they_are_named(read):
    plain = read(ONE).settings.collector
    named = read(
        ONE + "topics = notifications, versioned_notifications\nqueues = usance\n"
    ).settings.collector

    assert plain.queue_names == plain.routing_keys == ("almanach.info", "almanach.error")
    assert plain.rare_keys == ("almanach.error",)
    assert named.queue_names == ("usance",)
    assert named.routing_keys == (
        "notifications.info",
        "notifications.error",
        "versioned_notifications.info",
        "versioned_notifications.error",
    )


def test_a_cafile_means_tls(read):
    assert brokers(read(ONE + "cafile = /etc/ssl/mq.pem\n"))[0].tls
    assert not brokers(read(ONE))[0].tls


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("certfile = /x.pem\n", "keyfile"),
        ("topics =\n", "topics"),
        ("priorities =\n", "priorities"),
        (f"exchanges = {'x' * 300}\n", "name on a broker"),
        ("listen = 9114\n", "<host>:<port>"),
        ("listen = 127.0.0.1:99999\n", "<host>:<port>"),
        ("queue_type = mirrored\n", "classic, quorum"),
        ("batch_size = 0\n", "from 1 to"),
    ],
)
def test_mistakes_are_named(read, text, said):
    with pytest.raises(ConfigurationError, match=said):
        read(ONE + text).settings.collector  # noqa: B018 -- reading is what fails


def test_a_cloud_has_a_broker_of_its_own(read):
    found = read(
        "[usance]\nclouds = waw, bcn\n[cloud_waw]\nregion_name = WAW\n[cloud_bcn]\nregion_name = BCN\n"
        "collector.transport_url = rabbit://a:b@bcn/\n" + ONE
    )

    assert [one.collector.brokers[0].hosts[0].host for one in found.clouds] == ["mq1.example.org", "bcn"]
    assert not found.findings
    check_told_apart(found.clouds)


def test_two_clouds_may_not_have_one_queue(read):
    """A message does not say which cloud it is of."""
    found = read("[usance]\nclouds = waw, bcn\n[cloud_waw]\n[cloud_bcn]\n" + ONE)

    with pytest.raises(ConfigurationError, match=r"waw and bcn have one queue, almanach\.info") as caught:
        check_told_apart(found.clouds)
    assert "secret" not in str(caught.value)


def test_a_cloud_without_a_broker_is_named(read):
    with pytest.raises(ConfigurationError, match=r"\[collector\] transport_url is not set"):
        check_told_apart(read("[DEFAULT]\n").clouds)

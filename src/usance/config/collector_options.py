"""The options of the collector, which listens to the notifications of the cloud's services."""

from __future__ import annotations

from typing import Final

from oslo_config import cfg

COLLECTOR_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.ListOpt(
        "transport_url",
        default=[],
        secret=True,
        deprecated_opts=[cfg.DeprecatedOpt("url")],  # of Almanach 3.3
        help="The brokers, as oslo.messaging writes them: rabbit://<user>:<password>@<host>:<port>,"
        "<user>:<password>@<host>:<port>/<virtual host>. The hosts of one address are one cluster; several "
        "addresses, with commas between them, are several brokers or virtual hosts, and all are listened "
        "to. The environment's RABBITMQ_URL comes before what stands here.",
    ),
    cfg.ListOpt(
        "topics",
        default=["almanach"],
        deprecated_opts=[cfg.DeprecatedOpt("topic")],  # of Almanach 4
        help="Topics of notifications, as the services have them in [oslo_messaging_notifications] topics. "
        "Their messages are in the queues <topic>.<priority>.",
    ),
    cfg.ListOpt(
        "priorities",
        default=["info", "error"],
        help="Priorities of notifications, the one that always comes first. What failed is sent as error: it "
        "tells of servers in that state, and fills a queue that nobody else empties.",
    ),
    cfg.ListOpt(
        "queues",
        default=[],
        deprecated_opts=[cfg.DeprecatedOpt("queue")],  # of Almanach 3.3
        help="Queues to listen to instead of those of the topics: queues of our own, made where they are "
        "missing, which get what the exchanges have for the topics.",
    ),
    cfg.ListOpt(
        "exchanges",
        default=["nova", "cinder", "openstack", "neutron", "glance", "keystone"],
        help="Exchanges (topic, fanout or direct) from which the queues get messages, beside what the "
        "services bound to them themselves. One that does not exist is left out until it does.",
    ),
    cfg.StrOpt(
        "queue_type",
        choices=[("classic", "kept by one node of the broker"), ("quorum", "kept by several nodes")],
        help="What a queue that is missing is made as. Not set: queues of our own are classic; those of "
        "the topics are waited for, because the services make them, and refuse to send where they find "
        "them made in another way. A queue that exists is used as it is.",
    ),
    cfg.BoolOpt(
        "durable",
        default=True,
        help="Whether a classic queue that is made survives the broker's end.",
    ),
    cfg.BoolOpt(
        "tls",
        default=False,
        help="Talk TLS to the brokers; without cafile the system's authorities "
        "are trusted. An address that begins with amqps:// does so, too.",
    ),
    cfg.StrOpt("cafile", help="PEM file of the authorities by which brokers are verified. It means TLS."),
    cfg.StrOpt("certfile", help="PEM file of our own certificate, where the broker asks for one."),
    cfg.StrOpt("keyfile", help="PEM file of its key."),
    cfg.IntOpt(
        "heartbeat", default=60, min=2, max=3600, help="Seconds within which a dead broker is noticed."
    ),
    cfg.IntOpt(
        "batch_size",
        default=4000,
        min=1,
        max=10_000,
        help="Messages that are written to the ledger in one transaction, at most.",
    ),
    cfg.IntOpt(
        "batch_ms", default=500, min=1, max=60_000, help="Milliseconds that a batch waits for more messages."
    ),
    cfg.IntOpt(
        "prefetch",
        min=1,
        max=65_535,
        sample_default="two batches",
        help="Messages that a broker gives out before the first of them is acknowledged.",
    ),
    cfg.IntOpt(
        "max_message",
        default=1_048_576,
        min=1024,
        max=4_194_304,
        help="Bytes of a message, at most. A larger one is parked, and not read.",
    ),
    cfg.IntOpt(
        "parked_limit",
        default=10_000,
        min=0,
        max=10_000_000,
        help="Messages of a cloud that were not understood, and are kept; beyond it the oldest go.",
    ),
    cfg.IntOpt(
        "parked_bytes",
        default=65_536,
        min=256,
        max=4_194_304,
        help="Bytes that are kept of such a message. One that was cut can't be read again.",
    ),
    cfg.IntOpt(
        "leave_after",
        default=20,
        min=0,
        max=3600,
        help="Seconds for which a collector that is to end waits for a ledger that is away.",
    ),
    cfg.BoolOpt(
        "take_stock",
        default=True,
        help="Whether a collector looks once, when it starts, at all that the selected projects have "
        "already. It needs credentials of the cloud, and goes on without them.",
    ),
    cfg.StrOpt("events_file", help="File that adds types of events to those that are understood."),
    cfg.StrOpt(
        "listen",
        help="Address at which /health, /ready and /metrics are answered, as <host>:<port>, for instance "
        "127.0.0.1:9114. Not set: nowhere.",
    ),
]

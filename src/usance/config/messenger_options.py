"""The options of messengers, and of sending what they left in queues."""

from __future__ import annotations

from typing import Final

from oslo_config import cfg

RECORD_TYPES: Final = ("cloud", "ip", "accelerator", "storage", "energy")

SSM_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "output_path",
        default="/var/spool/apel/outgoing/openstack",
        help="Root of the queue (dirq) from which SSM sends.",
    ),
    cfg.IntOpt("max_size", default=100, min=1, max=10_000, help="Records in one message, at most."),
    cfg.StrOpt(
        "queues",
        default="split",
        choices=[
            ("split", "cloud records in output_path, other types in <output_path>-<type>"),
            ("single", "all types in output_path, as cASO has it"),
        ],
        help="Whether records of different types share a queue.",
    ),
]

PUBLISH_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "protocol",
        default="AMS",
        choices=[("AMS", "the ARGO Messaging Service"), ("STOMP", "a message broker")],
        help="How messages are sent.",
    ),
    cfg.StrOpt(
        "host",
        sample_default="msg.argo.grnet.gr",
        help="The messaging service, as name or name:port. For STOMP several brokers, with commas between "
        "them: the first that works is used.",
    ),
    cfg.PortOpt("port", help="Port where host names none. Not set: 443; STOMP: 61614, without TLS 61613."),
    cfg.PortOpt("authn_port", default=8443, help="Where AMS gives a token for a host certificate."),
    cfg.StrOpt("ams_project", default="accounting", help="Project of AMS."),
    cfg.StrOpt("token", secret=True, help="Token for AMS. Not set: one is got with the host certificate."),
    cfg.StrOpt(
        "certificate",
        default="/etc/grid-security/hostcert.pem",
        help="Certificate with which messages are signed; the receiver knows its subject.",
    ),
    cfg.StrOpt("key", default="/etc/grid-security/hostkey.pem", help="Key of the certificate."),
    cfg.StrOpt(
        "capath",
        default="/etc/grid-security/certificates",
        help="Directory of the authorities by which server_cert and brokers are verified.",
    ),
    cfg.StrOpt(
        "cafile", help="PEM file of the authorities trusted over TLS. Not set: those that the system trusts."
    ),
    cfg.StrOpt(
        "server_cert",
        help="Certificate of the final receiver: messages are encrypted for it. Not set: signed only.",
    ),
    cfg.BoolOpt("verify_server_cert", default=True, help="Verify server_cert by the authorities in capath."),
    cfg.BoolOpt("check_crls", default=False, help="Refuse a server_cert that was revoked."),
    cfg.StrOpt("cipher", default="aes128", choices=["aes128", "aes256"], help="With which to encrypt (CBC)."),
    cfg.BoolOpt("use_ssl", default=True, help="Talk to the broker over TLS, with the certificate (STOMP)."),
    cfg.StrOpt("login", help="Name for the broker (STOMP)."),
    cfg.StrOpt("passcode", secret=True, help="Password for the broker (STOMP)."),
    cfg.StrOpt("vhost", help="Virtual host of the broker (STOMP). Not set: the name of the broker's host."),
    cfg.StrOpt(
        "destination",
        default="eu-egi-cloud-accounting",
        help="Topic of cloud records; for STOMP the queue or topic of the broker.",
    ),
    cfg.StrOpt(
        "destination_storage", default="eu-egi-storage-accounting", help="Destination of storage records."
    ),
    cfg.StrOpt("destination_ip", help="Destination of public IP records. Not set: they wait."),
    cfg.StrOpt("destination_accelerator", help="Destination of accelerator records. Not set: they wait."),
    cfg.StrOpt("destination_energy", help="Destination of energy records. Not set: they wait."),
    cfg.StrOpt(
        "queues",
        help="More queues to empty, as <path>=<destination>, with commas between them. Those of [ssm] are "
        "emptied without being named.",
    ),
    cfg.StrOpt(
        "path_type",
        default="dirq",
        choices=[("dirq", "the queues of cASO and SSM"), ("directory", "any files are messages")],
        help="What the queues of the option queues are.",
    ),
    cfg.IntOpt("timeout", default=30, min=1, max=3600, help="Seconds that one request may take."),
    cfg.IntOpt("retries", default=4, min=0, max=20, help="Repetitions of a request whose failure may pass."),
    cfg.IntOpt(
        "batch_size",
        default=10,
        min=1,
        max=1000,
        help="Messages in one request to AMS, at most, within max_bytes.",
    ),
    cfg.IntOpt(
        "max_bytes",
        default=1048576,
        min=16384,
        max=67108864,
        help="Size of a request that the service takes. Larger messages are split between their records.",
    ),
    cfg.IntOpt(
        "max_lock",
        default=600,
        min=1,
        max=86_400,
        help="Seconds after which the lock of another sender on a message is taken for a dead one's.",
    ),
    cfg.IntOpt(
        "warn_days", default=30, min=0, max=3650, help="Days before the end of a certificate to warn from."
    ),
]

LOGSTASH_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt("host", default="localhost", help="Where Logstash listens (input tcp, codec json_lines)."),
    cfg.PortOpt("port", default=5000, min=1, help="The port on which it listens."),
    cfg.StrOpt(
        "interval",
        default="day",
        choices=[
            ("day", "what was used up to the last midnight UTC, so that a server is told once a day"),
            ("run", "what was used up to now, at each run"),
        ],
        help="How often a server that goes on is told.",
    ),
    cfg.BoolOpt("tls", default=False, help="Speak TLS."),
    cfg.StrOpt("cafile", help="PEM file of the authorities to trust. Not set: those of the system."),
    cfg.StrOpt("certfile", help="PEM file of the client's certificate, if Logstash asks for one."),
    cfg.StrOpt("keyfile", help="PEM file of the client's key."),
    cfg.BoolOpt("insecure", default=False, help="Do not verify Logstash's certificate."),
    cfg.IntOpt("timeout", default=30, min=1, max=3600, help="Seconds that a blocked Logstash is waited for."),
    cfg.IntOpt("max_size", default=1000, min=1, max=100_000, help="Records in one message, at most."),
]

FILE_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "path",
        default="$spooldir/records.jsonl",
        help="File that the records are appended to, as JSON lines.",
    ),
    cfg.IntOpt("max_size", default=1000, min=1, max=100_000, help="Records in one message, at most."),
]

MESSENGER_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.ListOpt(
        "record_types",
        default=[],
        help="Record types to give to this messenger: " + ", ".join(RECORD_TYPES) + ". Empty for all.",
    ),
]
"""Options of every [messenger_<name>]."""

"""The options of the API: [api], [auth] and [keystone_authtoken], as Almanach 4.x names them."""

from __future__ import annotations

from typing import Final

from oslo_config import cfg

API: Final = "api"
AUTHENTICATION: Final = "auth"
AUTHTOKEN: Final = "keystone_authtoken"

API_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.IPOpt("bind_ip", default="127.0.0.1", help="Address to listen on."),
    cfg.PortOpt("bind_port", default=8000, help="TCP port to listen on. 0: one that is free."),
    cfg.IntOpt(
        "almanach_version",
        default=4,
        min=3,
        max=4,
        help="Whose shapes and statuses Almanach's routes have: those of 3 (3.x) or 4 (4.x).",
    ),
    cfg.StrOpt("tls_certificate", help="PEM file of the certificate. Not set: plain HTTP."),
    cfg.StrOpt("tls_key", help="PEM file of its key. Not set: it is in the file of the certificate."),
    cfg.ListOpt(
        "trusted_proxies",
        default=[],
        help="Addresses or networks of reverse proxies: only from these X-Forwarded-For and "
        "X-Forwarded-Proto count.",
    ),
    cfg.ListOpt(
        "metrics_from",
        default=["127.0.0.0/8", "::1"],
        help="Addresses or networks that see /metrics without a token.",
    ),
    cfg.IntOpt(
        "rate_limit",
        default=6000,
        min=0,
        max=10_000_000,
        help="Requests that one caller may make in a minute. 0: any number.",
    ),
    cfg.IntOpt(
        "failure_limit",
        default=30,
        min=0,
        max=1_000_000,
        help="Refused tokens from one address in a minute, after which it has to wait. 0: any number.",
    ),
    cfg.IntOpt(
        "max_body",
        default=1 << 20,
        min=1024,
        max=1 << 30,
        help="Largest body of a request, in bytes.",
    ),
    cfg.IntOpt("max_page", default=1000, min=1, max=100_000, help="Most rows of one page."),
    cfg.IntOpt("timeout", default=60, min=1, max=3600, help="Seconds until an answer has to begin."),
    cfg.IntOpt("connections", default=512, min=1, max=100_000, help="Connections open at once, at most."),
    cfg.IntOpt("ledger_threads", default=4, min=1, max=64, help="Threads that read the ledger at once."),
]

AUTHENTICATION_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.ListOpt(
        "strategy",
        default=["private_key"],
        help="How callers prove who they are, by X-Auth-Token: private_key (also called token), keystone, "
        "or both with a comma between them.",
    ),
    cfg.StrOpt(
        "private_key",
        secret=True,
        help="The key that lets its holder see and change everything. There is no default: make one with "
        "openssl rand -hex 32.",
    ),
    cfg.IntOpt(
        "token_cache",
        default=300,
        min=0,
        max=3600,
        help="Seconds for which Keystone is not asked again about a token that it found valid; a token "
        "that is revoked meanwhile is known so long. 0: it is asked each time.",
    ),
    cfg.ListOpt(
        "admin_roles",
        default=["admin"],
        help="Roles of Keystone that let see and change everything.",
    ),
    cfg.ListOpt(
        "reader_roles",
        default=["usance:reader"],
        help="Roles that let see the usage of all projects. Without one, a project's members see that "
        "project.",
    ),
    cfg.ListOpt(
        "writer_roles",
        default=["usance:writer"],
        help="Roles that let see everything, and write through Almanach's routes.",
    ),
]


def _in_auth(name: str) -> list[cfg.DeprecatedOpt]:
    """Return where Almanach 3.3 had an option of its account."""
    return [cfg.DeprecatedOpt(name, group=AUTHENTICATION)]


AUTHTOKEN_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "auth_url",
        deprecated_opts=_in_auth("keystone_url"),
        help="Where Keystone is. Not set: where the credentials for the cloud say.",
    ),
    cfg.StrOpt(
        "auth_type",
        sample_default="v3password",
        help="Authentication plug-in of keystoneauth, whose options may stand here, too.",
    ),
    cfg.StrOpt(
        "username",
        deprecated_opts=_in_auth("keystone_username"),
        help="Account that may validate tokens. Not set: each token validates itself.",
    ),
    cfg.StrOpt("password", secret=True, deprecated_opts=_in_auth("keystone_password"), help="Its password."),
    cfg.StrOpt("user_domain_id", sample_default="default", help="Domain of the account."),
    cfg.StrOpt("user_domain_name", help="The same, by name."),
    cfg.StrOpt(
        "project_name",
        sample_default="service",
        deprecated_opts=_in_auth("keystone_tenant"),
        help="Project in which the account has its role.",
    ),
    cfg.StrOpt("project_domain_id", help="Domain of that project."),
    cfg.StrOpt("project_domain_name", sample_default="Default", help="The same, by name."),
    cfg.StrOpt("cafile", help="PEM file of the certificate authorities to trust."),
    cfg.StrOpt("certfile", help="PEM file of the client's certificate."),
    cfg.StrOpt("keyfile", help="PEM file of the client's key."),
    cfg.BoolOpt("insecure", default=False, help="Do not verify certificates."),
]

_MIDDLEWARE: Final = (
    "www_authenticate_uri", "auth_uri", "auth_version", "interface", "delay_auth_decision",
    "http_connect_timeout", "http_request_max_retries", "cache", "region_name", "memcached_servers",
    "token_cache_time", "memcache_security_strategy", "memcache_secret_key", "include_service_catalog",
    "enforce_token_bind", "service_token_roles", "service_token_roles_required", "service_type",
    "auth_section", "memcache_use_advanced_pool", "memcache_tls_enabled",
)  # fmt: skip

MIDDLEWARE_ACCEPTED: Final = dict.fromkeys(_MIDDLEWARE, "it has no effect; it is for keystonemiddleware")
"""What other services have in [keystone_authtoken], from which this one is often copied."""

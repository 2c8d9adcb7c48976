"""Databases on a Citus cluster, for `pytest --database-url URL --citus`.

The URL names a database on the coordinator that knows its workers; each database of a test is made on
all of them. A cluster without workers keeps everything on the coordinator.
"""

from __future__ import annotations

import psycopg
from sqlalchemy import make_url

from usance.ledger.distributing import distribute
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger

SHARDS = 2  # tests make many ledgers, of many tables


def make_cluster(server_url: str, url: str, *, distributed: bool = True) -> None:
    """Let the empty database at a URL be a ledger on the workers that the server has.

    Its tables are distributed, unless *distributed* is false.
    """
    coordinator, name = make_url(server_url), make_url(url).database
    with psycopg.connect(server_url, autocommit=True) as connection:
        workers = connection.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 AND isactive"
        ).fetchall()
    for host, port in workers:
        there = coordinator.set(host=host, port=port)
        _say(there.render_as_string(hide_password=False), f'CREATE DATABASE "{name}"')
        _say(there.set(database=name).render_as_string(hide_password=False), "CREATE EXTENSION citus")
    _say(url, "CREATE EXTENSION citus")
    _say(url, f"SELECT citus_set_coordinator_host('{coordinator.host}', {coordinator.port})")
    for host, port in workers:
        _say(url, f"SELECT citus_add_node('{host}', {port})")
    if not workers:
        here = f"'{coordinator.host}', {coordinator.port}"
        _say(url, f"SELECT citus_set_node_property({here}, 'shouldhaveshards', true)")
    _say(url, f'ALTER DATABASE "{name}" SET citus.shard_count = {SHARDS}')
    Ledger.open(url).close()
    if not distributed:
        return
    store = Store(url, create=False)
    try:
        distribute(store)
    finally:
        store.close()


def drop_cluster(server_url: str, url: str) -> None:
    """Remove what `make_cluster` made on the workers."""
    coordinator, name = make_url(server_url), make_url(url).database
    with psycopg.connect(server_url, autocommit=True) as connection:
        workers = connection.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0"
        ).fetchall()
    for host, port in workers:
        there = coordinator.set(host=host, port=port).render_as_string(hide_password=False)
        _say(there, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _say(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)

"""Rules that the schema keeps, so that its tables can be distributed by project."""

from __future__ import annotations

from itertools import chain

import pytest
from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from usance.ledger.schema import FACTS, REFERENCE, metadata

GROUPS = {FACTS: ["project_id", "cloud_id"], "credits": ["account_id"]}
TABLES = list(metadata.tables.values())


def leads(table: Table) -> list[str]:
    return GROUPS.get(table.info["group"], [])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_belongs_to_a_known_group(table: Table) -> None:
    assert table.info["group"] in {*GROUPS, REFERENCE}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_key_of_a_fact_begins_with_its_project(table: Table) -> None:
    keys = [
        one
        for one in table.constraints
        if isinstance(one, PrimaryKeyConstraint | UniqueConstraint | ForeignKeyConstraint)
    ]
    unique_indexes = [one for one in table.indexes if one.unique]
    lead = leads(table)

    assert keys
    for key in chain(keys, unique_indexes):
        names = [column.name for column in key.columns]
        assert names[: len(lead)] == lead


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_foreign_keys_join_tables_of_one_group_only(table: Table) -> None:
    for key in table.foreign_key_constraints:
        assert key.referred_table.info["group"] == table.info["group"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_instants_and_revisions_are_large_integers(table: Table) -> None:
    for column in table.columns:
        if column.name in {"at", "since", "revision", "superseded"} or column.name.endswith("_at"):
            assert isinstance(column.type, BigInteger), column
        elif isinstance(column.type, Integer):
            assert column.name in {"record_count", "attempts"} or isinstance(column.type, BigInteger), column

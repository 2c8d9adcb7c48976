"""A ledger that does not let a question take for ever."""

from contextlib import closing

import pytest

from usance.ledger.engine import Store, hold_patience
from usance.ledger.ledger import Ledger
from usance.model.errors import LedgerError

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_what_takes_too_long_is_given_up_and_the_next_question_has_its_own_time(ledger_url):
    with closing(Store(ledger_url, create=True)) as store:
        store.patience_s = 0.2
        for _ in range(2):
            with pytest.raises(LedgerError, match="did not answer in time"), store.read() as connection:
                connection.exec_driver_sql(ENDLESS).scalar()
        with store.read() as connection:
            answers = [connection.exec_driver_sql("SELECT 1").scalar()]
        with store.write() as connection:
            answers.append(connection.exec_driver_sql("SELECT 2").scalar())

    assert answers == [1, 2]


def read_for_ever(store):
    with store.read() as connection:
        while True:
            connection.exec_driver_sql("SELECT 1").scalar()
            hold_patience(connection)


def test_what_reads_many_rows_one_after_the_other_is_given_up_too(ledger_url):
    with closing(Store(ledger_url, create=True)) as store:
        store.patience_s = 0.2
        with pytest.raises(LedgerError, match="did not answer in time"):
            read_for_ever(store)
        with store.write() as connection:
            hold_patience(connection)


def test_making_a_ledger_ready_may_take_any_time(ledger_url):
    with Ledger.open(ledger_url, patience_s=0.001) as ledger:
        assert ledger._store.patience_s == 0.001

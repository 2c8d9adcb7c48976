"""Judge cloud and storage messages by APEL's own code.

    APEL_CHECKOUT=<checkout of github.com/apel/apel, tag 2.5.0-1> python tests/judges/apel_judge.py FILE...

A FILE is one message, or a directory queue whose messages are all judged. `--corpus FILE` judges
the messages of a JSON corpus (a list of objects with a `message`) and writes what came out beside
each of them. Exit status 1 if a message (outside a corpus) is refused.

What is run is APEL's: RecordFactory, its parser of StAR, the record classes, and the loading code of
its MySQL backend down to the call of the stored procedure. In the place of MySQL stands a connection
that holds each procedure's parameters to the types which schemas/cloud.sql and schemas/storage.sql
declare for them, as a server in strict mode does. APEL is in no package registry, hence the
variable; nothing of it is kept here.
"""

from __future__ import annotations

import argparse
import builtins
import datetime as dt
import importlib
import json
import os
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

ACCEPTED = "accepted"
_ELEMENT = re.compile(r"[0-9a-f]{14}")
_INT_RANGES = {"INT": (-(2**31), 2**31 - 1), "BIGINT": (-(2**63), 2**63 - 1)}


class DatabaseRefusal(Exception):  # noqa: N818 - stands in for MySQLdb.Error, by which APEL's code knows it
    """What the database would say of a parameter."""


class Connection:
    """A connection that records the parameters of each procedure called, and checks their types."""

    def __init__(self, parameter_types: Mapping[str, Sequence[str]]) -> None:
        self.parameter_types = parameter_types  # of each procedure
        self.called: list[tuple[Any, ...]] = []

    def ping(self) -> None:
        """Answer, as a connection that lives."""

    def cursor(self, _kind: object = None) -> Connection:
        """Return a cursor: this."""
        return self

    def execute(self, procedure: str, values: Sequence[Any]) -> None:
        """Check and record one call."""
        name = procedure.removeprefix("CALL ").partition("(")[0].strip()
        declared_types = self.parameter_types[name]
        if procedure.count("%s") != len(values) or len(values) != len(declared_types):
            raise DatabaseRefusal(f"{procedure} takes {len(declared_types)} parameters")
        for declared, value in zip(declared_types, values, strict=True):
            _check(declared, value)
        self.called.append(tuple(values))

    def commit(self) -> None:
        """Keep what was called."""

    def rollback(self) -> None:
        """Forget what was called."""
        self.called.clear()


def _check(declared: str, value: Any) -> None:
    """Hold a value to a declared type, as MySQL in strict mode does. NULL is fine for a parameter."""
    if value is None:
        return
    kind, _, size = declared.partition("(")
    if kind == "VARCHAR":
        if len(str(value)) > int(size.rstrip(")")):
            raise DatabaseRefusal(f"Data too long for {declared}")
    elif kind == "INTEGER" or kind in _INT_RANGES:
        least, most = _INT_RANGES[kind.removesuffix("EGER")]
        if not least <= int(value) <= most:
            raise DatabaseRefusal(f"Out of range for {declared}")
    elif kind == "DECIMAL":
        _check_decimal(declared, size, value)
    elif kind == "DATETIME" and not isinstance(value, dt.datetime):
        raise DatabaseRefusal(f"{value!r} for {declared}")


def _check_decimal(declared: str, size: str, value: Any) -> None:
    digits, places = (int(part) for part in size.partition(")")[0].split(","))
    try:
        number = Decimal(str(value))
        if not number.is_finite() or abs(round(number, places)) >= 10 ** (digits - places):
            raise DatabaseRefusal(f"Out of range for {declared}")
    except InvalidOperation as error:
        raise DatabaseRefusal(f"{value!r} for {declared}") from error
    if "UNSIGNED" in declared and number < 0:
        raise DatabaseRefusal(f"Out of range for {declared}")


def procedure_parameter_types(schema: str, procedure: str) -> list[str]:
    """Return the declared types of a stored procedure's parameters, in order."""
    match = re.search(rf"CREATE PROCEDURE {procedure}\s*\((.*?)\)\s*BEGIN", schema, re.DOTALL)
    if match is None:
        raise SystemExit(f"the schema has no procedure {procedure}")
    parameters = re.split(r",(?![0-9])", match[1])
    return [parameter.split(None, 1)[1].strip().upper() for parameter in parameters]


def _stand_in(name: str, **members: object) -> None:
    """Put a module in the place of one that is not installed and not under judgement."""
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


class ApelJudge:
    """APEL's loader, without its queue and its database."""

    def __init__(self, checkout: Path) -> None:
        sys.path.insert(0, str(checkout))
        # A compatibility layer for Python 2: on Python 3 these are the builtins.
        names = ("str", "object", "zip", "next", "range", "map", "bytes", "int", "super", "input", "round")
        _stand_in("future")
        _stand_in("future.builtins", **{name: getattr(builtins, name) for name in names})
        _stand_in("MySQLdb.cursors", DictCursor=None, SSDictCursor=None)
        _stand_in(
            "MySQLdb",
            Error=DatabaseRefusal,
            Warning=DatabaseRefusal,
            OperationalError=DatabaseRefusal,
            cursors=sys.modules["MySQLdb.cursors"],
            connect=self._connect,
        )
        cloud, storage = ((checkout / "schemas" / f"{one}.sql").read_text() for one in ("cloud", "storage"))
        self.connection = Connection(
            {
                "ReplaceCloudRecord": procedure_parameter_types(cloud, "ReplaceCloudRecord"),
                "ReplaceStarRecord": procedure_parameter_types(storage, "ReplaceStarRecord"),
                "ReplaceGroupAttribute": procedure_parameter_types(storage, "ReplaceGroupAttribute"),
            }
        )
        factory = importlib.import_module("apel.db.loader.record_factory")
        backend = importlib.import_module("apel.db.backends.mysql")
        records = importlib.import_module("apel.db.records")
        database = importlib.import_module("apel.db")
        xml = importlib.import_module("apel.db.loader.xml_parser")
        self._create: Callable[[str], Any] = factory.RecordFactory().create_records
        self._load = backend.ApelMysqlDb("host", 3306, "user", "", "cloud").load_records
        # What the loader catches, moving the message to its queue of refused ones.
        self.refusals = (
            factory.RecordFactoryException,
            records.InvalidRecordException,
            database.ApelDbException,
            xml.XMLParserException,
            ExpatError,
        )

    def _connect(self, **_options: object) -> Connection:
        return self.connection

    def judge(self, message: bytes) -> tuple[str, str]:
        """Return `accepted` or the class of the error, and the number of records or the reason."""
        self.connection.called.clear()
        try:
            records = self._create(message.decode("ascii"))
            self._load(records, source="/DC=org/CN=judge")
        except self.refusals as error:
            return type(error).__name__, str(error)
        except Exception as error:  # noqa: BLE001 - the loader dies of it: worse than a refusal, and a verdict too
            return type(error).__name__, f"the loader dies: {error}"
        return ACCEPTED, f"{len(self.connection.called)} records"


def _messages(paths: Iterable[Path]) -> Iterable[tuple[str, bytes]]:
    for path in paths:
        files = [path] if path.is_file() else sorted(path.glob("????????/*"))
        for file in files:
            if path.is_file() or _ELEMENT.fullmatch(file.name):
                yield str(file), file.read_bytes()


def _judge_corpus(judge: ApelJudge, corpus: Path) -> int:
    cases = json.loads(corpus.read_text())
    for case in cases:
        case["verdict"], case["detail"] = judge.judge(case["message"].encode())
        case["recorded"] = "from the code of apel/apel 2.5.0, by tests/judges/apel_judge.py"
    corpus.write_text(json.dumps(cases, indent=1, ensure_ascii=True) + "\n")
    _say(f"{len(cases)} verdicts written to {corpus}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Judge what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--corpus", type=Path, help="a JSON corpus to write verdicts into")
    arguments = parser.parse_args()
    checkout = os.environ.get("APEL_CHECKOUT")
    if not checkout or not (Path(checkout) / "apel" / "db").is_dir():
        parser.error("set APEL_CHECKOUT to a checkout of github.com/apel/apel (tag 2.5.0-1)")
    judge = ApelJudge(Path(checkout).resolve())
    if arguments.corpus:
        return _judge_corpus(judge, arguments.corpus)
    refused = 0
    judged = 0
    for name, message in _messages(arguments.paths):
        verdict, detail = judge.judge(message)
        judged += 1
        refused += verdict != ACCEPTED
        _say(f"{verdict}\t{name}\t{detail}")
    _say(f"{judged} messages judged, {refused} refused")
    return 1 if refused or not judged else 0


if __name__ == "__main__":
    sys.exit(main())

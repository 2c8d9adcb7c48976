"""Rules of the house that no linter knows, held by reading the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import usance

SOURCE = Path(usance.__file__).parent
CORE = ("model", "records")
TALKERS = ("cli", "legacy")


def modules(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if not rooms or path.relative_to(SOURCE).parts[0] in rooms:
            yield path.relative_to(SOURCE), ast.parse(path.read_text(encoding="utf-8"))


def names(tree: ast.AST) -> Iterator[ast.Name]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Name))


def test_the_core_knows_no_float():
    """Money and time are never floats."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules(*CORE)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_path(node))
    ]

    assert not found


def is_path(node: ast.BinOp) -> bool:
    """Whether a slash joins paths: one of its sides is text."""
    sides = (node.left, node.right)
    return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides)


def test_the_core_reads_no_clock_and_no_environment():
    forbidden = {"now", "utcnow", "today", "environ", "getenv", "time_ns", "monotonic"}
    found = [
        f"{path}:{node.lineno} {node.attr}"
        for path, tree in modules(*CORE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    ]

    assert not found


def test_no_instant_is_naive():
    """`utcnow` and `utcfromtimestamp` are naive; `now` and `fromtimestamp` need a zone."""
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            of_datetime = isinstance(node.func.value, ast.Name) and node.func.value.id == "datetime"
            arguments = len(node.args) + len(node.keywords)
            if of_datetime and (
                node.func.attr in {"utcnow", "utcfromtimestamp", "today"}
                or (node.func.attr == "now" and arguments < 1)
                or (node.func.attr == "fromtimestamp" and arguments < 2)
            ):
                found.append(f"{path}:{node.lineno} {node.func.attr}")

    assert not found


def test_sql_stays_in_the_ledger():
    found = []
    for path, tree in modules():
        if path.parts[0] == "ledger":
            continue
        for node in ast.walk(tree):
            imported = []
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported = [node.module or ""]
            if any(one.split(".")[0] in {"sqlalchemy", "sqlite3", "psycopg", "alembic"} for one in imported):
                found.append(f"{path}:{node.lineno}")

    assert not found


def test_only_commands_print():
    found = [
        f"{path}:{name.lineno}"
        for path, tree in modules()
        if path.parts[0] not in TALKERS
        for name in names(tree)
        if name.id == "print"
    ]

    assert not found


def test_files_fit_in_a_head():
    """A module has one subject; 500 lines are more than one."""
    long = [
        str(path)
        for path in sorted(SOURCE.rglob("*.py"))
        if path.read_text(encoding="utf-8").count("\n") > 500
    ]

    assert not long

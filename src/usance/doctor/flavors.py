"""Benchmarks and accelerators, as the flavors' properties tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from usance.cloud.flavors import FlavorReader, FlavorRow
from usance.config.settings import FlavorKeys
from usance.doctor.check import Check, Verdict
from usance.http.errors import one_line
from usance.model.resource import BENCHMARK_TYPE, BENCHMARK_VALUE
from usance.sources.nova_rows import ServerRow

_SHOWN: Final = 10
_BENCHMARK: Final = (BENCHMARK_TYPE, BENCHMARK_VALUE)


def flavor_checks(
    listed: Iterable[FlavorRow], servers: Sequence[ServerRow], keys: FlavorKeys, scope: str
) -> list[Check]:
    """Return what is wrong with the properties of flavors: of those that are listed, and of those in use."""
    used = [one.flavor for one in servers if one.flavor is not None and one.flavor.extra_specs is not None]
    told: dict[str, None] = {}
    reader = FlavorReader(keys, told.setdefault)
    known = {_name(one): reader.attributes(one) for one in [*listed, *used] if one.extra_specs is not None}
    checks = [
        Check("Flavors", scope, Verdict.WARNING, sentence, "openstack flavor set --property <key>=<value>")
        for sentence in told
    ]
    counted = Counter(_name(one) for one in used)
    without = [name for name in counted if not all(known[name].get(one) for one in _BENCHMARK)]
    if without:
        shown = ", ".join(f"{one_line(name)} ({counted[name]} servers)" for name in sorted(without)[:_SHOWN])
        more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
        checks.append(
            Check(
                "Benchmarks",
                scope,
                Verdict.WARNING,
                f"flavors in use without a benchmark: {shown}{more}",
                f"set {keys.benchmark_type[0]} and {keys.benchmark_value[0]} on each of them",
            )
        )
    if known and not checks:
        checks.append(
            Check("Flavors", scope, Verdict.OK, f"the properties of {len(known)} flavors make sense")
        )
    return checks


def _name(flavor: FlavorRow) -> str:
    return flavor.original_name or flavor.name or "?"

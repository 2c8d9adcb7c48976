"""`usance doctor`: whether everything is there that a run needs, and what to do about what is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from usance.cli.columns import Columns, printable
from usance.cli.configuration import cloud_option, configuration_options, configure, output_option
from usance.cli.examples import examples
from usance.cli.present import show
from usance.cli.projects import only_projects
from usance.config.load import Need
from usance.doctor.check import Check, Diagnosis, Verdict


@click.command(
    short_help="Say what the account can see, and what is missing.",
    epilog=examples("usance doctor", "usance doctor --project demo --all", "usance doctor --output json"),
)
@configuration_options
@cloud_option
@output_option
@click.option("--project", "names", multiple=True, help="Only this one: an id, a name, or domain/name.")
@click.option(
    "--all", "everything", is_flag=True, help="Show also what is in order (CSV and JSON always do)."
)
def doctor(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    names: Sequence[str],
    everything: bool,
) -> int:
    """Look at everything that a run needs, and say what is missing and how to mend it.

    For each project and each service of the configured extractors: whether the account can see what
    it must, and if not, which line of policy would let it, for the release that the cloud runs.
    Besides: microversions, cells, VO mapping, benchmarks and accelerators of flavors, clocks,
    ledger, queues, certificates, and whether the services that messages go to can be reached.

    The cloud is asked a few cheap questions for each project, and nothing is written anywhere. Exit
    status 1 if something is missing or does not work.
    """
    configuration = configure(
        config_file, config_dir, debug=debug, need=Need.ALL, overrides=only_projects(names), only=clouds
    )
    from usance.doctor.doctor import examine  # noqa: PLC0415 - help and mistakes do without it

    found = examine(configuration.clouds, configuration.findings)
    shown = found.checks if everything or output != "table" else _bad(found)
    if output == "table":
        for line in lines(shown):
            print(printable(line))
        print(found.summary)
    else:
        show(output, found, [Columns("Checks", _HEADINGS, tuple(_row(one) for one in shown))])
    return found.exit_status


def lines(checks: Sequence[Check]) -> Iterator[str]:
    """Yield checks as people read them; what is the same for several projects is said once.

    No table: what to do is often a line to be copied, and a table would break it.
    """
    groups: dict[tuple[str, ...], list[Check]] = {}
    for one in checks:
        what = one.sentence if one.remedy is None else one.remedy
        groups.setdefault((one.verdict, one.name, what), []).append(one)
    for same in groups.values():
        first = same[0]
        scopes = [one.scope for one in same]
        more = f" and {len(scopes) - _SHOWN} more" if len(scopes) > _SHOWN else ""
        yield f"{first.verdict:7}  {first.name}, {', '.join(scopes[:_SHOWN])}{more}"
        yield f"         {first.sentence}"
        if first.remedy is not None:
            yield f"         > {first.remedy}"


_SHOWN: Final = 4  # scopes for which the same is said
_HEADINGS: Final = ("verdict", "scope", "check", "what is so", "what to do")


def _bad(found: Diagnosis) -> tuple[Check, ...]:
    return tuple(one for one in found.checks if one.verdict is not Verdict.OK)


def _row(one: Check) -> tuple[str | None, ...]:
    return (one.verdict.value, one.scope, one.name, one.sentence, one.remedy)

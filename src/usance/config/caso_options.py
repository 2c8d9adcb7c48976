"""Every option in the documentation of cASO 1.x, 3.x and 5.2.2, and what became of it.

The page is generated (`python -m usance.config.caso_options`): what cASO had stands here, and what
became of it is asked of the options themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from usance.config.findings import Known, known_options
from usance.config.options import AUTH, DEFAULT, EXTRACT_OPTIONS, EXTRACTOR
from usance.config.rawfile import RawFiles
from usance.config.reader import OptionReader

GENERATIONS: Final = {"1": "1.x", "3": "3.x", "5": "5.2.2"}

OSLO_SOURCE: Final = "(a section that config_source names)"

_OPTIONS: Final[dict[str, dict[str, str]]] = {
    DEFAULT: {
        "1 3 5": "extractor site_name messengers",
        "1 3": "tenants",
        "3": "messaging benchmark_name_key benchmark_value_key accelerator_type_key accelerator_vendor_key "
        "accelerator_model_key accelerator_number_key",
        "3 5": "spooldir lock_path dry_run service_name region_name projects mapping_file extract_to "
        "extract_from config_file config_dir config_source debug log_config_append log_config "
        "log_date_format log_file logfile log_dir logdir watch_log_file use_syslog use_journal "
        "syslog_log_facility use_json use_stderr use_eventlog log_rotate_interval log_rotate_interval_type "
        "max_logfile_count max_logfile_size_mb log_rotation_type logging_context_format_string "
        "logging_default_format_string logging_debug_format_suffix logging_exception_prefix "
        "logging_user_identity_format default_log_levels publish_errors instance_format "
        "instance_uuid_format rate_limit_interval rate_limit_burst rate_limit_except_level "
        "fatal_deprecations",
        "5": "caso_tag vo_property log_color",
    },
    EXTRACTOR: {"1": "user password endpoint insecure", "1 3": "mapping_file"},
    "accelerator": {"3 5": "type_key vendor_key model_key number_key"},
    "benchmark": {"3 5": "name_key value_key"},
    AUTH: {
        "3 5": "auth_type auth_plugin auth_section cafile certfile keyfile insecure timeout collect_timing "
        "split_loggers auth_url system_scope domain_id domain_name project_id tenant_id project_name "
        "tenant_name project_domain_id project_domain_name trust_id default_domain_id "
        "default_domain_name user_id username user_name user_domain_id user_domain_name password",
        "5": "tls_ciphers tls_min_version",
    },
    "ssm": {"1 3 5": "output_path", "3 5": "max_size"},
    "messenger_ssm": {"5": "record_types"},
    "logstash": {"1 3 5": "host port"},
    "prometheus": {
        "5": "prometheus_endpoint prometheus_metric_name vm_uuid_label_name labels prometheus_step_seconds "
        "prometheus_verify_ssl cpu_normalization_factor"
    },
    "greendigit_cim": {"5": "base_url email password verify_ssl"},
    OSLO_SOURCE: {"3": "driver uri ca_path client_cert client_key"},
}

_REMARKS: Final[dict[tuple[str, str], str]] = {
    (DEFAULT, "extractor"): "Documented as nova in all generations (1.x: nova or ceilometer); the code of "
    "5.2.2 takes nova, cinder and neutron. Chosen: {extractor}, and of these what the cloud has: one that "
    "is missing from its catalog is no error. A file of 1.x or 3.x that does not set it can't be told from "
    "one of 5.x: where servers alone are to be accounted, write `extractor = nova`. `ceilometer` means "
    "Gnocchi. Names of classes are understood.",
    (DEFAULT, "messengers"): "1.x named classes, one of them misspelt (`caso.messenger.ssm.SsmMessager`); "
    "they are understood. `ssmv4` is documented as v0.3 and writes v0.4, here as there.",
    (DEFAULT, "messaging"): "The 3.x documentation prints this name in its list, and means messengers.",
    (DEFAULT, "projects"): "Documented as ids or names; in the code of 5.1 and later a name ends the run. "
    "Chosen: ids, names, and domain/name.",
    (DEFAULT, "vo_property"): "Documented as `accounting:VO`, `VO` in the code. Chosen, where it is not "
    "set: `VO`, which projects of running sites have, else `accounting:VO`.",
    (DEFAULT, "dry_run"): "Documented to extract and not to push; the code shows nothing of it. Here it "
    "prints the records.",
    (DEFAULT, "extract_from"): "Documented: `None` is the beginning of time. The code of 5.2.2 ends with an "
    "error, and ignores offsets. Chosen: as documented; an offset is respected.",
    (DEFAULT, "extract_to"): "The code ignores an offset, and a past end moves `lastrun` back. Here an "
    "offset is respected, and nothing moves back.",
    (DEFAULT, "region_name"): "Missing from the generated sample of cASO, and read for Nova only. Here it "
    "counts for every service. Several: `[usance] clouds`.",
    (DEFAULT, "lock_path"): "Not set: `CASO_LOCK_PATH`, else the spool directory, as documented.",
    (DEFAULT, "mapping_file"): "All its forms are read: `projects`, `tenants`, `tenant`.",
    (DEFAULT, "spooldir"): "The ledger is there, too; `lastrun` files of cASO are read once.",
    (DEFAULT, "config_file"): "On the command line only, as with cASO.",
    (DEFAULT, "config_dir"): "On the command line only, as with cASO.",
    (EXTRACTOR, "user"): "An account of the domain `default`. Not set: `accounting`, as documented.",
    (EXTRACTOR, "endpoint"): "Version 2.0 of Keystone's API in it is read as version 3.",
    ("benchmark", "name_key"): "Documented twice: `accounting:benchmark_type` in the list of options and in "
    "the code, `accounting:benchmark_name` in the text that tells what to set on flavors. Who followed the "
    "text published no benchmark. Chosen, where it is not set: the first of both that the flavor has.",
    (DEFAULT, "benchmark_name_key"): "See `[benchmark] name_key`.",
    (AUTH, "timeout"): "Not set, cASO waits for ever. Chosen: 60 seconds, and retries.",
    (AUTH, "auth_type"): "Version 2 plug-ins (`v2password`) are used as those of version 3.",
    ("ssm", "output_path"): "Cloud records are there; other types in `<output_path>-<type>`, since they have "
    "another destination at SSM. `queues = single` is cASO's way.",
    ("messenger_ssm", "record_types"): "And `[messenger_<name>]` of any other messenger. In cASO a list "
    "without any known type lets all pass; here it is an error.",
    ("logstash", "port"): "5000 in the list of options and in the code of all generations, 50000 in the "
    "text of the 3.x documentation. Chosen: 5000, which is what ran.",
    ("prometheus", "cpu_normalization_factor"): "In cASO it multiplies the energy; here the work.",
    ("prometheus", "prometheus_step_seconds"): "It has to divide an hour.",
    ("greendigit_cim", "base_url"): "Plain `http://` is refused: the address holds the password.",
    ("greendigit_cim", "verify_ssl"): "Missing from the generated sample of cASO, as all of this section.",
    (OSLO_SOURCE, "driver"): "Read by oslo.config itself, as all of such a section.",
}

_HEAD: Final = """\
# Options of cASO, and what became of them

Every option in the documentation of cASO 1.x, 3.x and 5.2.2. All of them may stand in a
configuration file; `usance config check` says what yours mean, and `usance config migrate` writes
them in today's names. An old name gives one warning at each run. A name that is in no table here
and in no table of [our options](options.md) is pointed out, with what may have been meant.

*Same* means: the same name, in the same section, with the same meaning. The last column tells where
the documentation and the code of cASO disagreed, and what was chosen.
"""

_LINE: Final = """\
## On the command line

`caso-extract`, `caso-projects` and `caso-mapping-migrate` take the options of cASO 5.2.2 and those that
it refuses since: `--tenants`, `--extract_from`, `--extract_to`, `--dry_run`,
`--extractor-mapping_file`. All of them, and those of oslo.log: [Commands](commands.md).
"""


class CasoOption(msgspec.Struct, frozen=True):
    """One option of cASO."""

    section: str
    name: str
    generations: tuple[str, ...]  # keys of GENERATIONS

    @property
    def remark(self) -> str:
        """Where documentation and code disagreed, what was chosen, and why; empty if there is nothing."""
        text = _REMARKS.get((self.section, self.name), "")
        default = next(option.default for option in EXTRACT_OPTIONS if option.dest == "extractor")
        return text.replace("{extractor}", ", ".join(default))


def caso_options() -> Iterator[CasoOption]:
    """Yield every option of cASO, by section."""
    for section, by_generations in _OPTIONS.items():
        for generations, names in by_generations.items():
            for name in names.split():
                yield CasoOption(section, name, tuple(generations.split()))


def meanings() -> dict[str, dict[str, Known]]:
    """Return what every name that may stand in a file means, by section."""
    raw = RawFiles(())
    raw.sections["messenger_ssm"] = ""
    return known_options([OptionReader(raw, {}, {})])


def became(option: CasoOption, known: dict[str, dict[str, Known]]) -> str:
    """Say what became of an option. Raises KeyError for one that is forgotten."""
    if option.section == OSLO_SOURCE:
        return "same"
    found = known[option.section][option.name]
    if found.remark is not None:
        return f"accepted, {found.remark}"
    if option.section == EXTRACTOR and found.group == EXTRACTOR:
        return f"`[{AUTH}]`, with `auth_type = v3password`"
    if (found.group, found.name) == (option.section, option.name):
        return "same"
    return f"`[{found.group}] {found.name}`"


def document() -> str:
    """Return the page, in Markdown."""
    known = meanings()
    parts = [_HEAD]
    for section in _OPTIONS:
        parts += [
            f"## {section}" if section == OSLO_SOURCE else f"## [{section}]",
            "",
            "| option | in cASO | here | remarks |",
            "|---|---|---|---|",
        ]
        for option in caso_options():
            if option.section == section:
                since = ", ".join(GENERATIONS[one] for one in option.generations)
                parts.append(f"| `{option.name}` | {since} | {became(option, known)} | {option.remark} |")
        parts.append("")
    parts.append(_LINE)
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(document())

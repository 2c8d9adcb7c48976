"""Energy, from samples in a real Prometheus to records: in a file, and at a CIM on loopback."""

import json
import os
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cim import ACCOUNT, serving_cim
from service.extraction.witness import HASTY, usual_site
from service.prometheus_server import HOW_TO_GET_IT, PrometheusServer, find_programs
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.site import standard_site
from usance.records.validate_energy import message_findings

SITE = standard_site(projects=2)
STEP = timedelta(minutes=1)
LIVES = [
    ("web", 0, "2026-10-01 00:00:00 +10 create m1.large"),
    (
        "worker",
        0,
        """
        2026-10-02 10:30:00.5 +20 create m1.medium
        2026-10-03 06:00:00 +8 suspend
        2026-10-03 18:00:00 +8 resume
        2026-10-04 12:20:00 +3 delete
        """,
    ),
    ("other", 1, "2026-10-03 05:00:00 +10 create m1.small"),
    ("dark", 1, "2026-10-01 05:00:00 +10 create m1.small"),
]
HISTORY = WrittenHistory(SITE, [scripted(SITE, name, text, project=where) for name, where, text in LIVES])
IDS = {HISTORY.life(number).name: HISTORY.life(number).id for number in range(len(HISTORY))}


def at(text):
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


# Who was measured from when to when, on which host, with how many watts. `web` moved to another host,
# and was not measured for 90 minutes; `stranger` belongs to nobody; `dark` was never measured.
MEASURED = [
    ("web", "host1", at("10-01 00:00"), at("10-02 07:15"), 20),
    ("web", "host2", at("10-02 07:15"), at("10-03 11:00"), 35),
    ("web", "host2", at("10-03 12:30"), at("10-06 00:00"), 50),
    ("worker", "host1", at("10-02 10:31"), at("10-04 12:20"), 7),
    ("other", "host1", at("10-03 05:00"), at("10-06 00:00"), 11),
    ("stranger", "host1", at("10-01 00:00"), at("10-06 00:00"), 99),
]
LAST = at("10-05 01:00")
RUNS = [at(one) for one in ("10-01 13:20", "10-02 00:01", "10-02 00:10", "10-03 17:59", "10-04 12:00")]
OFTEN = [LAST - timedelta(hours=1, minutes=-7) - hours * timedelta(hours=4) for hours in range(25, -1, -1)]


def instants(start, end):
    """Yield the instants of samples in (start, end]."""
    moment = start + STEP
    while moment <= end:
        yield moment
        moment += STEP


def gauge():
    """Write microwatts, as collectd exports them."""
    yield "# TYPE prometheus_value gauge"
    for name, host, start, end, watts in MEASURED:
        labels = f'uuid="{IDS.get(name, name)}",type_instance="scaph_process_power_microwatts",host="{host}"'
        for moment in instants(start, end):
            yield f"prometheus_value{{{labels}}} {watts * 1_000_000} {int(moment.timestamp())}"
    # Another measurement of the same servers, which must not count.
    yield f'prometheus_value{{uuid="{IDS["web"]}",type_instance="temperature"}} 5e9 {int(LAST.timestamp())}'


def counter():
    """Write joules, as Kepler exports them: zones that overlap, and one reset."""
    yield "# TYPE kepler_vm_cpu_joules counter"
    for zone, part in (("package", 1), ("core", 1)):
        for name, host, start, end, watts in MEASURED:
            labels = f'vm_id="{IDS.get(name, name)}",zone="{zone}",node_name="{host}{start:%d%H}"'
            joules = 0
            for moment in [start, *instants(start, end)]:
                joules = 0 if moment == at("10-03 02:00") else joules
                yield f"kepler_vm_cpu_joules_total{{{labels}}} {joules} {int(moment.timestamp())}"
                joules += watts * 60 * part


@pytest.fixture(scope="module")
def prometheus():
    programs = find_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    server = PrometheusServer(programs)
    try:
        server.load([*gauge(), *counter()])
        server.start()
        yield server.url
    finally:
        server.stop()


def real_energy():
    """Return the watt-hours and the seconds with samples of each server and day, from the script alone."""
    found = defaultdict(lambda: [0, 0])
    for name, _, start, end, watts in MEASURED:
        for moment in instants(start, end):
            day = (moment - STEP).date().isoformat()
            if name in IDS and day < LAST.date().isoformat():
                found[name, day][0] += watts * 60
                found[name, day][1] += 60
    return {key: (Decimal(joules) / 3600, seconds) for key, (joules, seconds) in found.items()}


def tell_the_truth(records):
    """Hold records to the script: the power of each hour is a whole number of microwatts."""
    real = real_energy()
    assert records.keys() == real.keys()
    for key, (energy, sampled_s) in real.items():
        assert abs(Decimal(records[key]["EnergyWh"]) - energy) < Decimal("0.000012")
        assert records[key]["sampled_s"] == sampled_s


def kept(path):
    """Return what a reader keeps of the file, where a later line replaces an earlier one."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = {one: name for name, one in IDS.items()}
    return {
        (names[one["ExecUnitID"]], one["StartExecTime"][:10]): one
        for one in lines
        if one["record_type"] == "energy"
    }


@contextmanager
def site_with(directory, prometheus, *sections, messengers="file", preset="preset = caso"):
    text = (
        f"[prometheus]\nprometheus_endpoint = {prometheus}\nprometheus_step_seconds = 60\n"
        f"cpu_normalization_factor = 2\n{preset}\n[messenger_file]\nrecord_types = energy\n"
        f"path = {directory}/records.jsonl\n"
    )
    options = {"extractor": "nova,prometheus"}
    with usual_site(
        directory,
        history=HISTORY,
        sections=HASTY + text + "".join(sections),
        messengers=messengers,
        **options,
    ) as site:
        yield site


def good(done):
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "runs", [[*RUNS, LAST], [LAST], [*OFTEN, LAST]], ids=["six runs", "one run", "a run every four hours"]
)
@pytest.mark.no_cover
def test_every_day_is_told_exactly_whatever_the_runs(tmp_path, prometheus, runs):
    with site_with(tmp_path, prometheus) as site:
        for now in runs:
            good(site.command(now))

        found = kept(tmp_path / "records.jsonl")
        tell_the_truth(found)
        assert len((tmp_path / "records.jsonl").read_text().splitlines()) == len(found)


def test_a_record_tells_the_servers_seconds_and_its_gaps(tmp_path, prometheus):
    with site_with(tmp_path, prometheus) as site:
        good(site.command(at("10-03 07:00")))  # sees the flavors
        good(site.command(LAST))

        found = kept(tmp_path / "records.jsonl")
        gap, ended = found["web", "2026-10-03"], found["worker", "2026-10-04"]
        suspended = found["worker", "2026-10-03"]
        assert (gap["unsampled_s"], gap["WallClockTime_s"], gap["CpuDuration_s"]) == (5400, 86400, 4 * 86400)
        assert (gap["Work"], gap["Efficiency"], gap["CPUNormalizationFactor"]) == ("691200", "1", "2")
        assert (ended["ExecUnitFinished"], ended["Status"]) == (1, "deleted")
        assert ended["EndExecTime"] == "2026-10-04T12:20:03Z"
        assert (suspended["SuspendDuration_s"], suspended["WallClockTime_s"]) == (43200, 43200)
        assert (suspended["Efficiency"], suspended["CpuDuration_s"]) == ("0.5", 2 * 43200)
        assert all(name != "dark" for name, _ in found)


def test_joules_of_a_counter_are_the_same_energy(tmp_path, prometheus):
    """Growth is read between samples: what lies between two series of a server that moved is lost."""
    with site_with(tmp_path, prometheus, preset="preset = kepler") as site:
        good(site.command(LAST))

        found = kept(tmp_path / "records.jsonl")
        for key, (energy, _) in real_energy().items():
            assert abs(Decimal(found[key]["EnergyWh"]) - energy) <= energy / 50


def test_records_reach_the_cim_once_each(tmp_path, prometheus):
    with serving_cim() as cim:
        account = (
            f"[greendigit_cim]\nbase_url = {cim.url}\nemail = {ACCOUNT[0]}\npassword = {ACCOUNT[1]}\n"
            "max_size = 4\n"
        )
        with site_with(tmp_path, prometheus, account, messengers="greendigit_cim") as site:
            for now in (*RUNS, LAST, LAST + timedelta(hours=3)):
                done = site.command(now)
                good(done)
                assert "correct horse" not in done.stderr

        assert message_findings(json.dumps(cim.records).encode()) == []
        told = [(one["ExecUnitID"], one["StartExecTime"][:10]) for one in cim.records]
        assert len(told) == len(set(told)) == len(real_energy())
        told_wh = sum(Decimal(str(one["EnergyWh"])) for one in cim.records)
        assert abs(told_wh - sum(energy for energy, _ in real_energy().values())) < Decimal("0.0001")


def test_a_prometheus_that_is_away_costs_nothing_but_time(tmp_path, prometheus):
    with site_with(tmp_path, "http://127.0.0.1:9") as site:
        done = site.command(at("10-02 12:00"))
        assert done.returncode == 1
        assert "Prometheus can't be reached" in done.stderr
        conf = site.conf.read_text()
        site.conf.write_text(conf.replace("http://127.0.0.1:9", prometheus))
        good(site.command(LAST))

        assert len(kept(tmp_path / "records.jsonl")) == len(real_energy())


def test_asking_again_from_the_beginning_says_nothing_twice(tmp_path, prometheus):
    with site_with(tmp_path, prometheus) as site:
        good(site.command(LAST))
        before = (tmp_path / "records.jsonl").read_text()
        good(site.command(LAST + timedelta(hours=1), "--extract-from", "None"))
        good(site.command(LAST + timedelta(hours=2), "--extract-from", "2026-10-02"))

        assert (tmp_path / "records.jsonl").read_text() == before


def test_what_was_measured_outlives_the_samples(tmp_path, prometheus, forgetful):
    """Who asks again for days whose samples are deleted meanwhile hears of gaps, and knows better."""
    with site_with(tmp_path, prometheus) as site:
        good(site.command(LAST))
        conf = site.conf.read_text()
        site.conf.write_text(conf.replace(prometheus, forgetful))

        good(site.command(LAST + timedelta(hours=1), "--extract-from", "2026-10-01"))

        tell_the_truth(kept(tmp_path / "records.jsonl"))


@pytest.fixture
def forgetful():
    """Yield the URL of a Prometheus that has no samples of long ago."""
    programs = find_programs()
    if programs is None:
        pytest.skip(HOW_TO_GET_IT)
    server = PrometheusServer(programs)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()

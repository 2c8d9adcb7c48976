"""Benchmarks and accelerators, from the properties of flavors."""

import json
from datetime import UTC, datetime

import pytest

from usance.cloud.flavors import FlavorReader, FlavorRow, canonical_decimal
from usance.config.settings import FlavorKeys
from usance.model.accelerator import AcceleratorAlias
from usance.model.observation import Observation, Verb
from usance.model.resource import (
    ACCELERATORS,
    BENCHMARK_TYPE,
    BENCHMARK_VALUE,
    FLAVOR_ATTRIBUTES,
    SERVER,
    Resource,
)
from usance.model.timeline import timeline

NONE = {ACCELERATORS: "", BENCHMARK_TYPE: "", BENCHMARK_VALUE: ""}
SIZE = {"flavor": "m1", "vcpus": 2, "ram_mib": 2048, "disk_gib": 20, "ephemeral_gib": 0}


def attributes(**specs: object) -> dict[str, str | int]:
    row = FlavorRow(original_name="m1", vcpus=2, ram=2048, disk=20, ephemeral=0, extra_specs=specs)
    return FlavorReader(FlavorKeys()).attributes(row)


def test_size_of_a_flavor_is_told():
    row = FlavorRow(original_name="m1", vcpus=2, ram=2048, disk=20, ephemeral=0)

    assert FlavorReader(FlavorKeys()).attributes(row) == SIZE


def test_visible_properties_that_name_nothing_say_that_there_is_nothing():
    """What is not asserted would live on from the flavor before; hidden properties assert nothing."""
    assert attributes() == attributes(**{"hw:numa_nodes": "1"}) == SIZE | NONE


def test_resize_to_a_flavor_without_benchmark_and_accelerators_takes_them_away():
    server = Resource("p", "c", SERVER, "s")
    created = datetime(2026, 10, 1, tzinfo=UTC)

    def seen(day: int, flavor: dict[str, str | int]) -> Observation:
        at = datetime(2026, 10, day, tzinfo=UTC)
        return Observation(
            server, Verb.SEEN, at=at, begin=at, source="nova", accounted=flavor, created_at=created
        )

    resized = Observation(
        server,
        Verb.CHANGED,
        at=datetime(2026, 10, 3, tzinfo=UTC),
        source="nova",
        untold=FLAVOR_ATTRIBUTES,
    )
    with_all = {
        "Accelerator:Type": "GPU",
        "Accelerator:Number": "1",
        "accounting:benchmark_type": "HEPscore23",
        "accounting:benchmark_value": "18",
    }

    life = timeline([seen(2, attributes(**with_all)), resized, seen(4, attributes())], [])

    first, last = life.spans
    assert first.values[ACCELERATORS]
    assert (first.values[BENCHMARK_VALUE], last.start) == ("18", resized.at)
    assert {name: last.values[name] for name in NONE} == NONE


def test_no_flavor_tells_nothing():
    assert FlavorReader(FlavorKeys()).attributes(None) == {}
    assert FlavorReader(FlavorKeys()).attributes(FlavorRow()) == {}


def test_number_that_is_no_size_is_left_out():
    row = FlavorRow(name="m1", vcpus=-1, ram=2**60, disk=20, old_ephemeral=5)

    assert FlavorReader(FlavorKeys()).attributes(row) == {"flavor": "m1", "disk_gib": 20, "ephemeral_gib": 5}


@pytest.mark.parametrize("key", ["accounting:benchmark_type", "accounting:benchmark_name"])
def test_both_keys_of_the_benchmarks_name_are_known(key):
    """The documentation of cASO says the second one, its code reads the first one."""
    found = attributes(**{key: "HEPscore23", "accounting:benchmark_value": "18.50"})

    assert (found[BENCHMARK_TYPE], found[BENCHMARK_VALUE]) == ("HEPscore23", "18.5")


def test_benchmark_that_is_no_number_is_left_out_with_one_warning(caplog):
    reader = FlavorReader(FlavorKeys())
    row = FlavorRow(original_name="bad\n", vcpus=2, extra_specs={"accounting:benchmark_value": "12,5"})

    several = [reader.attributes(row) for _ in range(3)]

    assert all(one == {"flavor": "bad\n", "vcpus": 2} | NONE for one in several)
    (record,) = caplog.records
    assert record.getMessage() == "flavor bad: the benchmark value 12,5 is no number, and is left out"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.5", "12.5"),
        (" 18 ", "18"),
        ("18.0", "18"),
        ("1e2", "100"),
        ("0", "0"),
        ("12,5", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("-1", None),
        ("1e999999", None),
        ("1e-999999", None),
        ("1" * 50, None),
    ],
)
def test_decimal_has_one_spelling(text, number):
    assert canonical_decimal(text) == number


def test_accelerators_are_one_canonical_text():
    one = {"Accelerator:Type": "GPU", "Accelerator:Number": "half of one", "Accelerator:Vendor": "NVIDIA"}

    found = attributes(**one)[ACCELERATORS]

    assert found == attributes(**dict(reversed(one.items())))[ACCELERATORS]
    assert json.loads(found) == {"number": "half of one", "type": "GPU", "vendor": "NVIDIA"}


def test_every_way_to_ask_for_accelerators_is_told():
    found = attributes(
        **{
            "pci_passthrough:alias": "a100:2,v100:1",
            "resources:VGPU": "1",
            "resources_GPU1:VGPU": 1,
            "resources2:FPGA": "1",
            "resources:VCPU": "4",
            "resources:CUSTOM_BAREMETAL": "1",
            "trait:CUSTOM_NVIDIA_11": "required",
            "trait1:CUSTOM_ANOTHER": "required",
            "trait:CUSTOM_UNWANTED": "forbidden",
            "accel:device_profile": "alveo",
        }
    )

    assert json.loads(found[ACCELERATORS]) == {
        "pci": "a100:2,v100:1",
        "resources": {"FPGA": "1", "VGPU": "2"},
        "traits": ["CUSTOM_ANOTHER", "CUSTOM_NVIDIA_11"],
        "profile": "alveo",
    }


def test_traits_and_resource_classes_that_are_no_accelerators_tell_none():
    found = attributes(
        **{"resources:CUSTOM_BAREMETAL": "1", "trait:CUSTOM_SSD": "required", "resources:VGPU": "0"}
    )

    assert found[ACCELERATORS] == ""


def test_what_can_not_be_counted_is_said_once(caplog):
    keys = FlavorKeys(aliases={"a100": AcceleratorAlias("GPU", "NVIDIA A100"), "nic": None})
    reader = FlavorReader(keys)
    bad = FlavorRow(original_name="bad", extra_specs={"Accelerator:Type": "GPU", "Accelerator:Number": "x"})
    strange = FlavorRow(original_name="strange", extra_specs={"pci_passthrough:alias": "nic:1,fpga:1,a100:1"})

    for _ in range(2):
        reader.attributes(bad)
        reader.attributes(strange)

    assert [one.getMessage() for one in caplog.records] == [
        "flavor bad: its accelerators can't be counted: 'x' is no number of accelerators",
        "flavor strange: [accelerator] aliases does not name the PCI alias fpga, so it counts nothing",
    ]

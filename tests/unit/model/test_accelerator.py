"""What the properties of flavors mean, where they speak of accelerators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.model.accelerator import (
    Accelerator,
    AcceleratorAlias,
    Told,
    accelerators_in,
    unknown_aliases,
)

ALIASES = {
    "a100": AcceleratorAlias("GPU", "NVIDIA A100"),
    "v100": AcceleratorAlias("GPU", "NVIDIA Tesla V100"),
    "nic": None,
    "CUSTOM_GRID_4C": AcceleratorAlias("GPU", "NVIDIA GRID 4C"),
    "CUSTOM_ALVEO": AcceleratorAlias("FPGA", "AMD Alveo"),
    "fpga-profile": AcceleratorAlias("FPGA", "Intel PAC"),
}
V100 = {"type": "GPU", "vendor": "NVIDIA", "model": "Tesla V100"}


def read(**told):
    return accelerators_in(Told(**told).text, ALIASES)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({**V100, "number": "2"}, [("GPU", "NVIDIA Tesla V100", "2")]),
        ({**V100, "number": "0.50"}, [("GPU", "NVIDIA Tesla V100", "0.5")]),
        ({**V100, "number": "0"}, []),
        ({"type": "gpu", "number": "1"}, [("GPU", None, "1")]),
        ({"type": "TPU", "model": "v4", "number": "1"}, [("Other", "v4", "1")]),
        ({"pci": "a100:2,v100:1"}, [("GPU", "NVIDIA A100", "2"), ("GPU", "NVIDIA Tesla V100", "1")]),
        ({"pci": " a100:1 , a100:1"}, [("GPU", "NVIDIA A100", "2")]),
        ({"pci": "nic:2"}, []),
        ({"pci": "unheard-of:1"}, []),
        ({"resources": {"VGPU": "1"}}, [("GPU", None, "1")]),
        ({"resources": {"VGPU": "1"}, "traits": ("CUSTOM_NVIDIA_11",)}, [("GPU", "NVIDIA 11", "1")]),
        (
            {"resources": {"VGPU": "1"}, "traits": ("CUSTOM_AAA", "CUSTOM_GRID_4C")},
            [("GPU", "NVIDIA GRID 4C", "1")],
        ),
        ({"resources": {"VGPU": "1"}, "traits": ("HW_GPU_API_VULKAN",)}, [("GPU", None, "1")]),
        ({"resources": {"FPGA": "2"}}, [("FPGA", None, "2")]),
        ({"resources": {"CUSTOM_ALVEO": "2"}}, [("FPGA", "AMD Alveo", "2")]),
        ({"profile": "fpga-profile"}, [("FPGA", "Intel PAC", "1")]),
        ({"profile": "mystery"}, [("Other", "mystery", "1")]),
        # The properties name the devices of the alias: they are not counted twice.
        ({**V100, "number": "1", "pci": "v100:1"}, [("GPU", "NVIDIA Tesla V100", "1")]),
        ({**V100, "pci": "v100:3"}, [("GPU", "NVIDIA Tesla V100", "3")]),
    ],
)
def test_flavor_means(told, found):
    assert read(**told) == tuple(Accelerator(*one) for one in found)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({**V100, "number": "half of one"}, "'half of one' is no number of accelerators"),
        ({**V100, "number": "-1"}, "'-1' is no number of accelerators"),
        (V100, "the flavor does not tell how many there are"),
        ({"vendor": "NVIDIA", "number": "1"}, "the flavor does not tell their type"),
        ({"pci": "a100"}, "'' is no number of accelerators"),
        ({"pci": "a100:2,a100:x"}, "'x' is no number of accelerators"),
    ],
)
def test_what_can_not_be_counted_says_why(told, problem):
    (found,) = read(**told)

    assert (found.problem, found.count) == (problem, "")


def test_aliases_that_the_table_does_not_name_are_told():
    assert unknown_aliases(Told(pci="a100:1,nic:1,x:1").text, ALIASES) == ["x"]


@given(st.text())
def test_any_text_is_read(text):
    assert all(one.problem or one.count for one in accelerators_in(text, {}))


@given(
    st.builds(
        Told,
        type=st.none() | st.text(),
        number=st.none() | st.text(),
        pci=st.none() | st.text(alphabet="a10:,v x"),
        resources=st.dictionaries(st.sampled_from(["VGPU", "FPGA", "CUSTOM_ALVEO"]), st.text(max_size=3)),
        profile=st.none() | st.text(),
    )
)
def test_each_type_and_model_stands_once_with_a_count_or_a_problem(told):
    found = accelerators_in(told.text, ALIASES)

    assert len({(one.type, one.model) for one in found}) == len(found)
    assert all(bool(one.problem) != bool(one.count) for one in found)

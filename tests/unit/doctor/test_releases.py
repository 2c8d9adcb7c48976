"""Which release a microversion tells."""

import pytest

from usance.doctor.releases import CINDER_COSTS, NOVA_COSTS, Release, lost, releases_of, titles


@pytest.mark.parametrize(
    ("highest", "title"),
    [
        ((2, 1), "Kilo"),
        ((2, 3), "Kilo"),
        ((2, 38), "Newton"),
        ((2, 60), "Queens"),
        ((2, 61), "Rocky"),
        ((2, 79), "Train"),
        ((2, 87), "Ussuri or Victoria"),
        ((2, 88), "Wallaby"),
        ((2, 90), "Xena or Yoga"),
        ((2, 93), "Zed"),
        ((2, 95), "2023.1 Antelope or 2023.2 Bobcat"),
        ((2, 96), "2024.1 Caracal or 2024.2 Dalmatian"),
        ((2, 97), "2025.1 Epoxy or 2025.2 Flamingo"),
        ((2, 100), "2025.1 Epoxy or 2025.2 Flamingo"),
        ((2, 103), "2026.1 Gazpacho"),
        ((2, 104), "2026.2 or later"),
        ((3, 0), "2026.2 or later"),
    ],
)
def test_the_highest_microversion_of_nova_tells_the_release(highest, title):
    assert titles(releases_of(highest)) == title


def test_every_release_is_told_by_some_microversion():
    told = {release for minor in range(1, 120) for release in releases_of((2, minor))}

    assert told == set(Release)


def test_a_later_microversion_never_tells_an_earlier_release():
    first = [releases_of((2, minor))[0] for minor in range(1, 120)]

    assert first == sorted(first)


@pytest.mark.parametrize(
    ("highest", "count"), [((2, 20), 4), ((2, 21), 3), ((2, 57), 2), ((2, 68), 1), ((2, 69), 0)]
)
def test_an_old_nova_costs_what_its_microversions_do_not_have(highest, count):
    assert len(lost(highest, NOVA_COSTS)) == count


def test_an_old_cinder_hides_users():
    assert len(lost((3, 0), CINDER_COSTS)) == 2
    assert not lost((3, 56), CINDER_COSTS)

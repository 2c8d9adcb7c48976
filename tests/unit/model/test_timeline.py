"""The rules of the timeline, one by one, as small ledgers."""

from datetime import timedelta

import pytest

from unit.model.lives import (
    SERVER_1,
    at,
    changed,
    clock,
    created,
    deleted,
    doubts,
    gone,
    ledger,
    life,
    look,
    resized,
    seen,
)
from usance.model.observation import DeletionQuality, Observation, Scope, Verb
from usance.model.resource import FLAVOR_ATTRIBUTES, IMAGE_ID, USER_ID, Resource
from usance.model.span import Anomaly
from usance.model.timeline import timeline


def test_exact_claims_make_the_life():
    made = life(
        created("10:00", "building m1.small"),
        changed("10:00:20", "active", begin="10:00"),
        changed("12:00", "m1.large"),
        deleted("13:30"),
    )

    assert ledger(made, "state", "flavor", "vcpus") == [
        "10:00-10:00:20 building m1.small 1",
        "10:00:20-12:00 active m1.small 1",
        "12:00-13:30 active m1.large 4",
    ]
    assert (made.begin_exact, made.end_exact, made.launched, doubts(made)) == (True, True, True, [])


def test_nothing_said_is_no_life():
    assert timeline([]) is None


def test_what_is_only_known_to_be_gone_never_lived():
    assert timeline([gone("10:00..10:01")]) is None


def test_what_only_describes_is_no_evidence_of_life():
    assert timeline([seen("10:00..10:01", source="neutron", described={"public_ip_count": 1})]) is None


def test_observations_of_two_resources_are_refused():
    other = Resource(SERVER_1.project_id, SERVER_1.cloud_id, SERVER_1.kind, "server-2")

    with pytest.raises(ValueError, match="of one resource"):
        timeline([created("10:00"), changed("11:00", "active", resource=other)])


class TestSightingsAgainstClaims:
    """Rules 1, 2 and 6."""

    def test_a_sighting_of_what_was_claimed_changes_nothing(self):
        claims = (created("10:00", "active m1.small"), changed("12:00", "m1.large"))

        assert life(*claims, seen("13:00..13:01", "active m1.large")) == life(*claims)

    def test_a_sighting_of_the_old_value_within_the_tolerance_of_a_change_confirms(self):
        made = life(
            created("10:00", "active"), changed("12:00", "stopped"), seen("12:00:04..12:00:05", "active")
        )

        assert ledger(made, "state") == ["10:00-12:00 active", "12:00-now stopped"]

    def test_a_sighting_of_the_old_value_beyond_the_tolerance_is_a_change_at_the_end_of_its_window(self):
        made = life(
            created("10:00", "active"), changed("12:00", "stopped"), seen("12:00:06..12:00:07", "active")
        )

        assert ledger(made, "state") == [
            "10:00-12:00 active",
            "12:00-12:00:07 stopped",
            "12:00:07-now active",
        ]
        assert doubts(made) == ["state 12:00-12:00:07"]

    def test_a_sighting_of_the_result_of_an_action_under_way_confirms(self):
        made = life(
            created("10:00", "active m1.small"),
            changed("12:30", "m1.large", begin="12:00"),
            seen("12:10..12:11", "m1.large"),
        )

        assert ledger(made, "flavor") == ["10:00-12:30 m1.small", "12:30-now m1.large"]
        assert doubts(made) == []

    def test_an_unexplained_sighting_starts_at_the_end_of_its_window_and_holds_until_the_next_claim(self):
        made = life(
            created("10:00", "active"),
            seen("11:00..11:01", "active"),
            seen("12:00..12:01", "stopped"),
            changed("13:00", "active"),
        )

        assert ledger(made, "state") == ["10:00-12:01 active", "12:01-13:00 stopped", "13:00-now active"]
        assert doubts(made) == ["state 11:00-12:01"]


class TestSilence:
    """Rule 3."""

    def test_silence_repeats_what_the_source_said_last(self):
        made = life(
            created("10:00", "active"),
            seen("11:00..11:01", "active"),
            changed("11:30", "stopped", source="bus"),
            look("12:00..12:01"),
        )

        assert ledger(made, "state") == ["10:00-11:30 active", "11:30-12:01 stopped", "12:01-now active"]

    @pytest.mark.parametrize(("scope", "since"), [(Scope.FULL, "12:00"), (Scope.CHANGES, "11:00")])
    def test_silence_of_a_full_look_alone_is_evidence_of_life(self, scope, since):
        """A row that was removed is missing from a listing of changes as one that stayed the same."""
        made = life(
            created("10:00", "active"),
            seen("11:00..11:01", "active"),
            look("12:00..12:01", scope=scope),
            gone("13:00..13:01"),
        )

        assert (clock(made.end), doubts(made)) == ("13:01", [f"life {since}-13:01"])

    def test_what_a_full_look_never_listed_is_absent(self):
        made = life(created("10:00", "active", source="bus"), look("11:00..11:01"))

        assert (clock(made.end), made.end_exact, doubts(made)) == ("11:01", False, ["life 10:00-11:01"])

    def test_a_look_that_began_before_the_creation_says_nothing(self):
        made = life(created("10:00", "active", source="bus"), look("10:00:04..10:00:09"))

        assert made.end is None

    def test_a_look_at_changes_says_nothing_of_what_its_source_never_reported(self):
        made = life(created("10:00", "active", source="bus"), look("11:00..11:01", scope=Scope.CHANGES))

        assert made.end is None

    def test_silence_repeats_a_gone_too(self):
        made = life(
            created("10:00", "active"),
            gone("11:00..11:01"),
            changed("11:30", "stopped", source="bus"),
            look("12:00..12:01", scope=Scope.CHANGES),
        )

        assert (clock(made.end), doubts(made)) == ("12:01", ["life 11:30-12:01"])

    def test_what_the_last_report_did_not_assert_stays_unasserted(self):
        made = life(
            created("10:00", "active m1.small"),
            seen("11:00..11:01", "active m1.small"),
            seen("12:00..12:01", "m1.small"),
            changed("12:30", "stopped", source="bus"),
            look("13:00..13:01"),
        )

        assert ledger(made, "state") == ["10:00-12:30 active", "12:30-now stopped"]

    def test_looks_of_other_projects_and_kinds_say_nothing(self):
        other = Resource("project-2", "cloud-1", "server", "server-1")

        made = timeline([created("10:00", "active", resource=other)], [look("11:00..11:01")])

        assert made is not None
        assert made.end is None


class TestOccurrences:
    """Rule 4."""

    def test_one_occurrence_told_twice_is_one_fact_at_the_finest_time(self):
        made = life(
            created("10:00", "active"),
            changed("12:00:01", "stopped", occurrence="req-1", coarse=True),
            changed("12:00:03.25", "stopped", occurrence="req-1", source="bus"),
        )

        assert ledger(made, "state") == ["10:00-12:00:03.25 active", "12:00:03.25-now stopped"]

    def test_a_coarse_claim_without_occurrence_is_absorbed_by_a_fine_one_of_the_same_value(self):
        made = life(
            created("10:00", "active"),
            changed("12:00", "stopped", coarse=True),
            changed("12:00:00.75", "stopped", source="bus"),
            changed("11:59:59.5", "paused", source="bus"),
        )

        assert ledger(made, "state")[-2:] == ["11:59:59.5-12:00:00.75 paused", "12:00:00.75-now stopped"]

    def test_two_occurrences_in_one_second_are_two_facts(self):
        made = life(
            created("10:00", "active"),
            changed("12:00", "stopped", occurrence="req-3", seq=3, coarse=True),
            changed("12:00", "active", occurrence="req-2", seq=2, coarse=True),
            changed("12:00:00.5", "stopped", occurrence="req-1", source="bus"),
        )

        assert ledger(made, "state") == ["10:00-12:00 active", "12:00-now stopped"]

    def test_a_notification_tells_the_flavor_that_an_action_of_the_same_request_leaves_untold(self):
        made = life(
            created("10:00", "active m1.small"),
            resized("12:00:05", occurrence="req-1", coarse=True),
            changed("12:00:04.5", "m1.large", occurrence="req-1", source="bus"),
        )

        assert ledger(made, "flavor") == ["10:00-12:00:04.5 m1.small", "12:00:04.5-now m1.large"]
        assert doubts(made) == []


class TestOrder:
    """Rule 5."""

    def test_what_the_creation_asserted_comes_first_even_if_its_second_was_rounded_up(self):
        made = life(created("10:00:01", "building", coarse=True), changed("10:00:00.6", "active"))

        assert ledger(made, "state") == ["10:00:01-now active"]

    def test_the_order_of_the_source_decides_within_one_second(self):
        made = life(
            created("10:00", "active"),
            changed("12:00", "active", seq=2, coarse=True),
            changed("12:00", "stopped", seq=1, coarse=True),
        )

        assert ledger(made, "state") == ["10:00-now active"]

    def test_what_is_told_twice_takes_over_the_order_of_a_coarse_time_as_if_it_was_told_once(self):
        said = (
            created("10:00", "building"),
            changed("12:00", "stopped", seq=1, source="bus"),
            changed("11:00", "active", seq=2, source="bus", coarse=True),
            changed("12:00", "stopped", seq=4, source="bus", coarse=True),
        )

        assert life(*said, said[1]) == life(*said)

    def test_a_coarse_time_is_clamped_between_its_neighbours(self):
        made = life(
            created("10:00", "active"),
            changed("12:00", "stopped", seq=1, occurrence="req-1", coarse=True),
            changed("12:00:00.7", "stopped", occurrence="req-1", source="bus"),
            changed("12:00", "active", seq=2, occurrence="req-2", coarse=True),
            changed("12:30", "paused", source="bus"),
        )

        assert ledger(made, "state") == ["10:00-12:30 active", "12:30-now paused"]

    def test_at_one_instant_one_observation_wins_for_all_its_attributes(self):
        one = changed("12:00", "m1.large")
        other = changed("12:00", "flavor=odd vcpus=2 ram_mib=99999 disk_gib=1")

        made = life(created("10:00", "active m1.small"), one, other)

        assert made.spans[-1].values in (
            {"state": "active"} | one.accounted,
            {"state": "active"} | other.accounted,
        )


class TestBeforeTheFirstClaim:
    """Rule 7."""

    def test_the_first_known_value_holds_back_to_the_creation_and_is_inferred(self):
        made = life(created("10:00"), changed("12:00", "stopped"))

        assert ledger(made, "state") == ["10:00-now stopped"]
        assert doubts(made) == ["state 10:00-12:00"]

    def test_a_sighting_before_the_first_claim_goes_first(self):
        made = life(created("10:00"), seen("11:00..11:01", "active"), changed("12:00", "stopped"))

        assert ledger(made, "state") == ["10:00-12:00 active", "12:00-now stopped"]
        assert doubts(made) == ["state 10:00-11:01"]

    def test_a_claim_at_the_creation_makes_what_holds_back_exact(self):
        made = life(
            created("10:00", untold=(USER_ID, *FLAVOR_ATTRIBUTES, IMAGE_ID)),
            seen("11:00..11:01", "m1.small user_id=u image_id=i"),
        )

        assert ledger(made, "flavor", "user_id", "image_id") == ["10:00-now m1.small u i"]
        assert doubts(made) == []

    def test_a_later_change_makes_no_difference_to_what_is_inferred_before_it(self):
        said = (
            created("10:00"),
            changed("10:05", "active", occurrence="req-1", coarse=True),
            changed("11:00", "active", occurrence="req-1"),
        )

        assert (
            doubts(life(*said)) == doubts(life(*said, changed("12:00", "stopped"))) == ["state 10:00-11:00"]
        )

    def test_what_is_never_known_is_missing(self):
        made = life(created("10:00", "active", untold=FLAVOR_ATTRIBUTES))

        assert ledger(made, "state", "flavor") == ["10:00-now active -"]


class TestUntold:
    """An instance action names no flavor: a sighting in the stretch tells it."""

    def test_a_resize_is_exact_when_both_flavors_were_seen(self):
        made = life(
            created("10:00", "active", untold=FLAVOR_ATTRIBUTES),
            seen("11:00..11:01", "m1.small"),
            resized("12:00", begin="11:59"),
            seen("13:00..13:01", "m1.large"),
        )

        assert ledger(made, "flavor") == ["10:00-12:00 m1.small", "12:00-now m1.large"]
        assert doubts(made) == []

    def test_a_flavor_that_nobody_saw_is_the_next_known_one_in_doubt(self):
        made = life(
            created("10:00", "active", untold=FLAVOR_ATTRIBUTES),
            seen("11:00..11:01", "flavor=small"),
            resized("12:00"),
            resized("12:30"),
            seen("13:00..13:01", "flavor=small"),
        )

        assert ledger(made, "flavor") == ["10:00-now small"]
        assert doubts(made) == ["flavor 12:00-12:30"]

    def test_without_a_next_one_it_is_the_previous_one_in_doubt(self):
        made = life(created("10:00", "flavor=small"), resized("12:00"))

        assert ledger(made, "flavor") == ["10:00-now small"]
        assert doubts(made) == ["flavor 12:00-now"]

    def test_a_window_that_touches_two_stretches_confirms_the_one_that_has_its_value(self):
        made = life(
            created("10:00", "flavor=small"),
            resized("12:00", coarse=True),
            seen("11:59:58..12:00:02", "flavor=small"),
            seen("13:00..13:01", "flavor=large"),
        )

        assert ledger(made, "flavor") == ["10:00-12:00 small", "12:00-now large"]
        assert doubts(made) == []

    def test_a_window_that_touches_two_stretches_tells_the_one_of_its_end(self):
        made = life(
            created("10:00", "flavor=small"), resized("12:00"), seen("11:59:58..12:00:02", "flavor=large")
        )

        assert ledger(made, "flavor") == ["10:00-12:00 small", "12:00-now large"]
        assert doubts(made) == []

    def test_where_either_of_two_stretches_may_have_been_seen_there_is_a_doubt(self):
        made = life(
            created("10:00", untold=("flavor",)), resized("12:00"), seen("11:59:58..12:00:02", "flavor=large")
        )

        assert ledger(made, "flavor") == ["10:00-now large"]
        assert doubts(made) == ["flavor 10:00-now"]

    def test_a_deleted_row_tells_the_flavor_of_the_last_stretch(self):
        made = life(
            created("10:00", "active", untold=FLAVOR_ATTRIBUTES),
            resized("12:00", begin="11:59"),
            seen("12:30..12:31", "flavor=large"),
            resized("12:45"),
            deleted("12:45:01"),
            gone("13:00..13:01", "flavor=huge deleted"),
        )

        assert ledger(made, "state", "flavor") == [
            "10:00-12:45 active large",
            "12:45-12:45:01 active huge",
        ]
        assert doubts(made) == ["flavor 10:00-12:00"]

    def test_a_server_that_lived_between_two_looks_is_exact(self):
        made = life(
            created("10:00", "building", untold=(USER_ID, *FLAVOR_ATTRIBUTES, IMAGE_ID)),
            changed("10:00:20", "active", begin="10:00", coarse=True),
            deleted("10:30"),
            gone("11:00..11:01", "deleted m1.small user_id=u image_id=i"),
        )

        assert ledger(made, "state", "flavor", "user_id") == [
            "10:00-10:00:20 building m1.small u",
            "10:00:20-10:30 active m1.small u",
        ]
        assert doubts(made) == []


class TestCreation:
    """Rules 10, 13 and 14."""

    def test_the_finest_then_earliest_created_at_counts(self):
        made = life(
            changed("10:00:30", "active", created_at=at("10:00:01"), created_resolution_us=1_000_000),
            changed("10:01", "active", created_at=at("10:00:00.5")),
            changed("10:02", "active", created_at=at("10:00:00.6")),
        )

        assert (clock(made.begin), made.begin_exact) == ("10:00:00.5", True)

    def test_a_second_created_is_the_same_creation(self):
        made = life(created("10:00", "active"), created("12:00", "active"))

        assert ledger(made, "state") == ["10:00-now active"]

    def test_without_created_at_the_earliest_evidence_is_the_begin_inferred(self):
        made = life(look("09:00..09:01"), seen("10:00..10:01", "active"), changed("11:00", "stopped"))

        assert (clock(made.begin), made.begin_exact) == ("10:01", False)
        assert doubts(made) == ["life 09:00-10:01"]

    def test_what_entered_lives_here_since_then_whatever_created_at_says(self):
        entered = Observation(SERVER_1, Verb.ENTERED, at("12:00"), "nova", accounted={"state": "active"})

        made = life(created("10:00", "stopped"), entered)

        assert ledger(made, "state") == ["12:00-now active"]

    def test_what_left_ends_here(self):
        left = Observation(SERVER_1, Verb.LEFT, at("12:00"), "nova")

        made = life(created("10:00", "active"), left, deleted("14:00"))

        assert (ledger(made, "state"), made.end_exact) == (["10:00-12:00 active"], True)

    def test_a_return_is_an_anomaly(self):
        left = Observation(SERVER_1, Verb.LEFT, at("12:00"), "nova")
        entered = Observation(SERVER_1, Verb.ENTERED, at("13:00"), "nova")

        made = life(created("10:00", "active"), left, entered)

        assert (clock(made.begin), made.end) == ("10:00", None)
        assert made.anomalies == (Anomaly("returned-after-leaving", at("12:00")),)


class TestDeletion:
    """Rules 11 and 12."""

    def test_a_deletion_that_arrives_first_closes_the_later_creation(self):
        assert life(deleted("12:00"), created("10:00", "active")) == life(
            created("10:00", "active"), deleted("12:00")
        )

    def test_the_best_quality_counts_then_the_finest_then_the_earliest(self):
        made = life(
            created("10:00", "active"),
            deleted("12:00:01", quality=DeletionQuality.UPDATED),
            deleted("12:00:02", quality=DeletionQuality.ENVELOPE),
            deleted("12:00:03", quality=DeletionQuality.DELETED_AT, coarse=True),
            deleted("12:00:05", quality=DeletionQuality.DELETED_AT),
            deleted("12:00:04", quality=DeletionQuality.DELETED_AT),
        )

        assert clock(made.end) == "12:00:04"

    def test_a_deletion_before_the_creation_is_a_life_of_zero_length_and_an_anomaly(self):
        made = life(created("10:00", "active"), deleted("09:00"))

        assert (made.begin, made.end, made.spans) == (at("10:00"), at("10:00"), ())
        assert made.anomalies == (Anomaly("deleted-before-created", at("09:00")),)

    def test_an_exact_deletion_beats_silence_and_a_later_change(self):
        made = life(
            created("10:00", "active"),
            seen("11:00..11:01", "active"),
            deleted("12:00", source="bus"),
            changed("12:30", "stopped"),
            look("13:00..13:01", scope=Scope.CHANGES),
        )

        assert (ledger(made, "state"), made.anomalies) == (["10:00-12:00 active"], ())

    def test_a_sighting_of_life_after_a_deletion_voids_it(self):
        made = life(created("10:00", "active"), deleted("12:00"), seen("12:00:06..12:00:07", "active"))

        assert made.end is None
        assert made.anomalies == (Anomaly("seen-after-deletion", at("12:00")),)

    def test_a_sighting_of_life_within_the_tolerance_of_a_deletion_does_not_void_it(self):
        made = life(created("10:00", "active"), deleted("12:00"), seen("12:00:05..12:00:07", "active"))

        assert (clock(made.end), made.anomalies) == ("12:00", ())

    def test_an_inferred_deletion_is_the_end_of_the_first_absence_after_the_last_evidence(self):
        made = life(
            created("10:00", "active"),
            seen("11:00..11:01", "active"),
            gone("12:00..12:01"),
            look("13:00..13:01"),
        )

        assert (ledger(made, "state"), made.end_exact) == (["10:00-12:01 active"], False)
        assert doubts(made) == ["life 11:00-12:01"]

    def test_later_evidence_of_life_undoes_an_inferred_deletion(self):
        made = life(
            created("10:00", "active"),
            gone("12:00..12:01"),
            changed("12:30", "stopped", source="bus"),
        )

        assert made.end is None

    def test_an_absence_that_begins_within_the_tolerance_of_life_does_not_end_it(self):
        made = life(created("10:00", "active"), changed("12:00", "stopped"), gone("12:00:05..12:00:06"))

        assert made.end is None


class TestLaunched:
    @pytest.mark.parametrize("state", ["building", "error", "deleted", "soft-delete"])
    def test_a_server_that_was_only_in_this_state_never_launched(self, state):
        assert not life(created("10:00", state)).launched

    @pytest.mark.parametrize("state", ["active", "stopped", "suspended", "shelved_offloaded"])
    def test_a_server_that_was_in_this_state_launched(self, state):
        assert life(created("10:00", "building"), seen("11:00..11:01", state)).launched

    def test_a_source_may_say_that_it_launched(self):
        assert life(created("10:00", "error"), gone("11:00..11:01", launched=True)).launched


class TestDescribed:
    def test_described_values_are_dated_beside_the_spans_and_cut_none(self):
        made = life(
            created("10:00", "active", described={"name": "web"}),
            seen("11:00..11:01", "active", described={"name": "web"}),
            seen("12:00..12:01", "active", described={"name": "www"}),
        )

        assert ledger(made, "state") == ["10:00-now active"]
        assert [(clock(one.since), one.value) for one in made.described] == [
            ("10:00", "web"),
            ("12:01", "www"),
        ]

    def test_a_deleted_row_still_tells_the_name(self):
        made = life(
            created("10:00", "active"), deleted("12:00"), gone("13:00..13:01", described={"name": "web"})
        )

        assert [(clock(one.since), one.value) for one in made.described] == [("12:00", "web")]

    def test_what_is_described_after_the_end_does_not_replace_what_was_so_in_the_life(self):
        made = life(
            created("10:00", "active"),
            seen("11:00..11:01", source="neutron", described={"public_ip_count": 1}),
            deleted("12:00"),
            seen("13:00..13:01", source="neutron", described={"public_ip_count": 0}),
        )

        assert made.describe("public_ip_count") == 1

    def test_a_port_that_still_names_a_deleted_server_does_not_undo_its_deletion(self):
        made = life(
            created("10:00", "active"),
            deleted("12:00"),
            seen("13:00..13:01", source="neutron", described={"public_ip_count": 1}),
        )

        assert clock(made.end) == "12:00"


def test_microseconds_are_kept():
    made = life(created("10:00:00.000001", "active"), changed("10:00:00.000002", "stopped"))

    assert made.spans[0].end == at("10:00:00.000002")


def test_the_tolerance_is_what_the_site_says():
    said = [created("10:00", "active"), changed("12:00", "stopped"), seen("12:00:20..12:00:21", "active")]

    narrow, wide = timeline(said), timeline(said, tolerance=timedelta(seconds=30))

    assert narrow is not None
    assert wide is not None
    assert (len(narrow.spans), len(wide.spans)) == (3, 2)

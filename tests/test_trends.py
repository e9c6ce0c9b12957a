"""The daily estimates: what a reader of the tables would notice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.trends import estimate, estimate_kabupaten, estimate_kecamatan, publish, summarise
from benchmarks.simulate import World, simulate
from benchmarks.small_area import errors

PLACES = pd.DataFrame(
    {
        "desa_code": ["99.01.01.2001", "99.01.01.2002", "99.01.02.2001"],
        "kecamatan_code": ["99.01.01", "99.01.01", "99.01.02"],
    }
)
DAY = date(2025, 5, 24)
NOON = datetime(2025, 5, 24, 5, tzinfo=UTC)
A, B, C = PLACES["desa_code"]
COLUMNS = ["story_id", "day", "desa_code", "kecamatan_code", "tension", "voice", "first_seen"]


def story(number: int, desa: str | None = A, tension: float = 0.5, ago: int = 0, **more: Any) -> dict[str, Any]:
    day = DAY - timedelta(days=ago)
    kecamatan = desa[:8] if desa else None
    return {
        "story_id": f"s{number}", "day": day.isoformat(), "desa_code": desa, "kecamatan_code": kecamatan,
        "tension": tension, "voice": "press", "first_seen": f"{day}T03:00:00+00:00", **more,
    }  # fmt: skip


def row(table: pd.DataFrame, desa: str = A, voice: str = "all", day: date = DAY) -> Any:
    return table[(table["desa_code"] == desa) & (table["voice"] == voice) & (table["day"] == day)].iloc[0]


def table(*rows: dict[str, Any], days: tuple[date, ...] = (DAY,), as_of: datetime = NOON, **more: Any) -> pd.DataFrame:
    return estimate(pd.DataFrame(rows, columns=None if rows else COLUMNS), PLACES, days, as_of, **more)


def test_no_story_at_all_is_no_data_and_never_zero() -> None:
    found = table()
    assert set(found["status"]) == {"no_data"}
    assert found["tension"].isna().all()
    assert len(found) == 3 * 4


def test_tense_stories_raise_their_desa_above_its_neighbour_and_inside_the_interval() -> None:
    found = table(*(story(i, tension=0.8) for i in range(4)), *(story(9 + i, B, 0.2) for i in range(4)))
    assert row(found)["tension"] > row(found, B)["tension"] + 0.15
    assert row(found)["low"] < row(found)["tension"] < row(found)["high"]
    assert (row(found)["n"], row(found)["status"]) == (4, "enough")


def test_fewer_than_three_stories_are_estimated_and_published_with_the_kecamatan() -> None:
    found = table(story(1, tension=0.9), *(story(9 + i, B, 0.2) for i in range(5)))
    assert row(found)["status"] == "estimated"
    shown = row(publish(found))
    assert shown["tension"] == pytest.approx(row(found)["kecamatan_tension"])
    assert shown["note"] == "satu laporan, belum dikuatkan"


def test_official_calm_does_not_lower_the_score_that_police_read() -> None:
    tense = [story(i, tension=0.7) for i in range(3)]
    calm = [story(10 + i, tension=0.0, voice="official", level_2plus=0) for i in range(20)]
    without, with_calm = row(table(*tense)), row(table(*tense, *calm))
    assert with_calm["tension"] == pytest.approx(without["tension"])
    assert with_calm["n"] == 23
    assert row(table(*tense, *calm), voice="official")["tension"] < 0.2


def test_outage_and_future_have_no_number() -> None:
    coverage = pd.DataFrame({"day": [DAY], "voice": ["press"], "fraction": [0.0]})
    far = date(2099, 1, 1)
    found = table(*(story(i) for i in range(5)), days=(DAY, far), coverage=coverage)
    assert row(found)["status"] == row(found, voice="press")["status"] == "no_data"
    assert np.isnan(row(found)["tension"])
    assert row(found, day=far)["status"] == "no_data"


def test_what_was_not_yet_seen_does_not_count() -> None:
    late = story(2) | {"first_seen": "2025-05-25T01:00:00+00:00"}
    assert row(table(story(1), late))["n"] == 1
    assert row(table(story(1), late, as_of=NOON + timedelta(days=1)))["n"] == 2


def test_days_are_frozen_after_seven_days() -> None:
    assert not row(table(story(1), as_of=NOON + timedelta(days=6)))["final"]
    assert row(table(story(1), as_of=NOON + timedelta(days=7)))["final"]


def test_as_of_of_another_time_zone_gives_the_same_day() -> None:
    from zoneinfo import ZoneInfo

    summer = NOON.astimezone(ZoneInfo("Europe/Amsterdam"))
    pd.testing.assert_frame_equal(table(story(1)), table(story(1), as_of=summer))
    with pytest.raises(ValueError, match="time zone"):
        table(story(1), as_of=NOON.replace(tzinfo=None))


@pytest.mark.parametrize("tension", [1.2, -0.1, float("nan")])
def test_tension_outside_its_range_names_the_row(tension: float) -> None:
    with pytest.raises(ValueError, match=r"row 1 \(s7\): tension"):
        table(story(1), story(7, tension=tension))


def test_repeated_rows_count_once_and_contradictions_are_refused() -> None:
    assert row(table(story(1), story(1)))["n"] == 1
    with pytest.raises(ValueError, match="s1"):
        table(story(1, tension=0.2), story(1, B, tension=0.9))


def test_a_desa_that_left_the_gazetteer_counts_in_its_kecamatan(caplog: pytest.LogCaptureFixture) -> None:
    gone = [story(1, "99.01.01.2999")]
    assert row(table(*gone))["n"] == 0
    found = estimate_kecamatan(pd.DataFrame(gone), PLACES, [DAY], NOON)
    assert found[(found["kecamatan_code"] == "99.01.01") & (found["voice"] == "all")]["n"].tolist() == [1]
    assert "99.01.01.2999" in caplog.text


def test_a_story_of_two_desa_and_one_without_place_count_once_above() -> None:
    rows = pd.DataFrame([story(1), story(1, B), story(2, None)])
    kabupaten = estimate_kabupaten(rows, PLACES, [DAY], NOON)
    assert kabupaten[kabupaten["voice"] == "all"][["kabupaten_code", "n"]].to_numpy().tolist() == [["99.01", 2]]


def test_public_voice_is_hidden_below_three_authors_and_cannot_be_derived() -> None:
    public = [story(i, tension=0.9, voice="public", authors=1) for i in range(3)]
    press = [story(10 + i, tension=0.2) for i in range(3)]
    two = pd.DataFrame({"day": [DAY] * 2, "desa_code": A, "author_hash": ["x", "y"]})
    hidden = publish(table(*public, *press, authors=two))
    assert row(hidden, voice="public")[["n", "authors7", "copies"]].tolist() == [0, 0, 0]
    assert row(hidden, voice="public")["status"] == "estimated"
    assert row(hidden)["n"] == 3  # over all, the three public stories are not there to be subtracted
    three = pd.concat([two, two.iloc[:1].assign(author_hash="z")])  # no colon: one key
    shown = publish(table(*public, *press, authors=three))
    assert row(shown, voice="public")["n"] == 3
    assert row(shown)["n"] == 6
    across_keys = three.assign(
        author_hash=["2025W20:x", "2025W20:y", "2025W21:x"]
    )  # two people, one seen under two keys
    assert row(publish(table(*public, *press, authors=across_keys)), voice="public")["n"] == 0
    with pytest.raises(ValueError, match="never lowered"):
        publish(hidden, k=2)


def test_a_day_comes_out_alike_however_it_is_asked_for() -> None:
    region = simulate(1, World(days=60))
    days = [region.day(t) for t in range(53, 60)]
    week = estimate(region.stories, region.places, days, region.evening(59))
    day = estimate(region.stories, region.places, days[:1], region.evening(59))
    same = week[week["day"] == days[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, day)
    shuffled = region.stories.sample(frac=1, random_state=1)
    again = estimate(shuffled, region.places, days[:1], region.evening(59))
    pd.testing.assert_frame_equal(again, day, rtol=1e-9)


def test_sentiment_and_themes_stand_beside_the_tension() -> None:
    rows = pd.DataFrame(
        [
            story(1, negatif=1.0, netral=0.0, positif=0.0, agraria=True),
            story(2, negatif=0.0, netral=1.0, positif=0.0, agraria=False),
        ]
    )
    found = row(summarise(rows))
    assert (found["negative"], found["neutral"], found["agraria"]) == (0.5, 0.5, 1)


def test_error_and_coverage_hold_on_a_simulated_region() -> None:
    found = errors(simulate(300))
    assert found["sejuk"] <= 0.45 * found["raw mean"]
    assert found["sejuk"] < found["EWMA(0.1)"]
    assert 0.85 <= found["coverage"] <= 0.95


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([A, B, C, None]), st.floats(0, 1), st.integers(0, 40)), max_size=20))
def test_estimates_stay_in_range_or_are_missing(drawn: list[tuple[str | None, float, int]]) -> None:
    found = table(*(story(i, desa, tension, ago) for i, (desa, tension, ago) in enumerate(drawn)))
    known = found["status"] != "no_data"
    assert found.loc[known, "tension"].between(0, 1).all()
    assert found.loc[~known, "tension"].isna().all()
    assert (found.loc[known, "low"] <= found.loc[known, "high"]).all()

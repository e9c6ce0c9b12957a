"""Alerts: what fires, what does not, and what each one says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom, poisson

from analysis.alerts import detect, refractory, to_frame, watch_list
from analysis.alerts_counts import benjamini_hochberg
from analysis.alerts_marked import threshold
from analysis.calendar_days import events_between, read_calendar
from analysis.regression import fit, tail
from benchmarks import weekly
from benchmarks.alerts import replay
from benchmarks.simulate import Simulated, World, simulate

SMALL = World(desa=40, kecamatan=4, days=100, stories=60)


@pytest.fixture(scope="module")
def quiet() -> Simulated:
    return simulate(5, SMALL)


def planted(region: Simulated, desa: int, number: int, day: int = 99) -> pd.DataFrame:
    """Add tense stories to one desa-day."""
    place = region.places.iloc[desa]
    new = region.stories.iloc[:number].assign(
        story_id=[f"planted{i}" for i in range(number)], day=str(region.day(day)), tension=0.8, level_2plus=True,
        desa_code=place["desa_code"], kecamatan_code=place["kecamatan_code"],
        first_seen=pd.Timestamp(region.evening(day)) - pd.Timedelta(hours=9),
    )  # fmt: skip
    return pd.concat([region.stories, new], ignore_index=True)


@pytest.mark.parametrize("method", ["counts", "marked"])
def test_twelve_tense_stories_raise_a_red_alert_that_explains_itself(quiet: Simulated, method: str) -> None:
    desa = int(np.argsort(quiet.rate.mean(axis=0))[20])
    found = detect(planted(quiet, desa, 12), quiet.places, quiet.evening(99), method=method)  # type: ignore[arg-type]
    red = [a for a in found if a.tier == "merah" and a.level == "desa"]
    assert [a.code for a in red] == [quiet.places["desa_code"][desa]]
    alert = red[0]
    assert alert.last == quiet.day(99)
    assert alert.seen >= 12 > alert.expected
    assert "laporan tegang" in alert.words
    assert "biasanya" in alert.words
    assert len(alert.evidence) == 3
    assert all(story.startswith("planted") for story in alert.evidence)
    assert alert.false_alarms_a_week == 1.0
    assert alert.unknown


def test_the_unchanged_region_raises_no_red_desa(quiet: Simulated) -> None:
    assert not [a for a in detect(quiet.stories, quiet.places, quiet.evening(99)) if a.tier == "merah"]


def test_stories_seen_later_raise_nothing_yet(quiet: Simulated) -> None:
    late = planted(quiet, 3, 12)
    late.loc[late["story_id"].str.startswith("planted"), "first_seen"] = pd.Timestamp("2030-01-01", tz="UTC")
    assert to_frame(detect(late, quiet.places, quiet.evening(99))).equals(
        to_frame(detect(quiet.stories, quiet.places, quiet.evening(99)))
    )


def test_a_red_place_rests_for_seven_days(quiet: Simulated) -> None:
    stories = planted(quiet, 3, 12)
    first = detect(stories, quiet.places, quiet.evening(99))
    code = quiet.places["desa_code"][3]
    assert code in {a.code for a in first}
    assert code not in {a.code for a in detect(stories, quiet.places, quiet.evening(99), previous=first)}
    old = [replace(a, last=a.last - timedelta(days=7)) for a in first]
    assert refractory(first, old) == first


def test_known_events_leave_the_baseline_and_are_named(quiet: Simulated) -> None:
    stories = quiet.stories
    for desa in range(40):
        stories = planted(Simulated(stories, quiet.places, quiet.truth, quiet.rate, quiet.events, SMALL), desa, 4)
    stories["story_id"] = stories["story_id"] + "-" + stories["desa_code"]
    day = quiet.day(99)
    calendar = pd.DataFrame({"start": [day, day], "end": [day, day], "name": ["PSU", "Penetapan"]})
    known = [a for a in detect(stories, quiet.places, quiet.evening(99), calendar=calendar) if a.level == "kabupaten"]
    unknown = [a for a in detect(stories, quiet.places, quiet.evening(99)) if a.kind == "regression"]
    assert {a.tier for a in unknown if a.level == "kabupaten"} == {"merah"}
    assert {a.tier for a in known} == {"kuning"}
    assert known[0].events == ("PSU", "Penetapan")
    assert "bertepatan dengan" in known[0].words or known[0].kind == "volume"


def test_an_outage_raises_no_desa_and_a_collapse_tells_the_analyst(quiet: Simulated) -> None:
    gone = quiet.stories[quiet.stories["day"] != str(quiet.day(99))]
    found = detect(gone, quiet.places, quiet.evening(99))
    assert [(a.kind, a.tier) for a in found if a.kind == "volume"] == [("volume", "kuning")]
    coverage = pd.DataFrame({"day": [quiet.day(99)], "voice": ["press"], "fraction": [0.0]})
    assert not [
        a for a in detect(planted(quiet, 3, 12), quiet.places, quiet.evening(99), coverage) if a.level == "desa"
    ]


def test_watch_list_names_single_grave_reports() -> None:
    places = pd.DataFrame({"desa_code": ["99.01.01.2001"], "kecamatan_code": ["99.01.01"]})
    stories = pd.DataFrame(
        {"story_id": ["s"], "day": ["2025-05-24"], "desa_code": ["99.01.01.2001"], "kecamatan_code": ["99.01.01"],
         "tension": [0.9], "voice": ["press"]}
    )  # fmt: skip
    found = watch_list(stories, places, datetime(2025, 5, 24, 10, tzinfo=UTC))
    assert found[["code", "tier", "reason"]].to_numpy().tolist() == [
        ["99.01.01.2001", "laporan tunggal", "satu laporan, belum dikuatkan"]
    ]


def test_no_stories_one_desa_and_a_far_future_day_raise_nothing(quiet: Simulated) -> None:
    assert detect(quiet.stories.iloc[:0], quiet.places, quiet.evening(99)) == []
    assert detect(quiet.stories, quiet.places, datetime(2199, 1, 1, tzinfo=UTC)) == []
    one = quiet.stories[quiet.stories["desa_code"] == quiet.places["desa_code"][0]]
    assert isinstance(detect(one, quiet.places.iloc[:1], quiet.evening(99)), list)
    assert len(watch_list(quiet.stories.iloc[:0], quiet.places, quiet.evening(99))) == 0


def test_bad_rows_are_named(quiet: Simulated) -> None:
    with pytest.raises(ValueError, match="tension"):
        detect(quiet.stories.assign(tension=1.5), quiet.places, quiet.evening(99))
    with pytest.raises(ValueError, match=r"row 0 .*before it starts"):
        read_calendar(pd.DataFrame({"start": ["2025-05-24"], "end": ["2025-05-23"], "name": ["PSU"]}))


def test_overlapping_events_are_all_named() -> None:
    calendar = pd.DataFrame(
        {"start": ["2025-05-20", "2025-05-24"], "end": ["2025-05-26", "2025-05-24"], "name": ["Masa tenang", "PSU"]}
    )
    found = events_between(read_calendar(calendar), date(2025, 5, 24), date(2025, 5, 24))
    assert [event.name for event in found] == ["Masa tenang", "PSU"]


def test_tails_match_scipy() -> None:
    assert tail(np.array([5.0]), np.array([2.0]), np.array([3.0]))[0] == pytest.approx(nbinom.sf(4, 4, 2 / 3))
    assert tail(np.array([5.0]), np.array([2.0]), np.array([2.0]))[0] == pytest.approx(poisson.sf(4, 2))


def test_the_regression_matches_statsmodels() -> None:
    models = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    design = np.column_stack([np.ones(80), np.linspace(-1, 0, 80), np.cos(np.arange(80))])
    counts = rng.poisson(np.exp(1 + 0.5 * design[:, 1] + 0.3 * design[:, 2])).astype(float)
    peer = models.GLM(counts, design, family=models.families.Poisson()).fit(scale="X2")
    ours = fit(counts[None], design)
    assert ours.coefficients[0] == pytest.approx(peer.params, abs=1e-4)
    assert ours.dispersion[0] == pytest.approx(max(peer.scale, 1), rel=1e-3)


def test_benjamini_hochberg_on_the_paper_example() -> None:
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
                  0.6528, 0.7590, 1.0])  # fmt: skip
    assert benjamini_hochberg(p, 0.05).sum() == 4
    assert benjamini_hochberg(np.array([]), 0.05).sum() == 0


def test_the_threshold_never_falls_below_the_exact_model() -> None:
    assert threshold(np.zeros(5000), 1 / 1036) == pytest.approx(np.log(1036))


def test_floors_of_weekly_scenarios() -> None:
    series = weekly.simulate(1, 2)
    false, found = weekly.judge(series, weekly.ours(series))
    assert false <= 0.016  # 4,100 weeks: the demand of .012 and two standard errors
    assert found >= 0.42


def test_floors_of_daily_alerts() -> None:
    region = simulate(100, World(days=125), 12, 25, 90)
    result = replay(region, "counts", 90, 124)
    assert result.within_a_day >= 0.85 * result.events
    assert result.false_desa + result.false_above <= 8  # 5 weeks at one a week, Poisson 99.9 %

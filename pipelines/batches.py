"""What is done to one batch of stories, here or on a worker of a cluster: rows in, rows out, nothing stored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from analysis.classifier import Classifier
from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator, rules
from analysis.records import ACTS, THEMES, Location, Scores
from analysis.tension import tension
from pipelines.store import Row

THEME_THRESHOLD = 0.5

# -- locate ---------------------------------------------------------------------------------------


def gazetteer_id(region: Path) -> str:
    """Return a hash of the region's place tables and the rules: others of either ask for other places."""
    digest = hashlib.sha256(rules())
    for file in [*sorted(region.glob("*.csv")), region / "region.toml"]:
        if file.name != "calendar.csv" and file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def _locator(region: str, identity: str) -> Locator:
    """Return the locator of a region, once a process.

    Raises: MonitorError where this machine's copy is another than the one asked for.
    """
    if gazetteer_id(Path(region)) != identity:
        raise MonitorError(f"{region} or the locator's rules differ between machines; install the same state on each")
    return Locator(Gazetteer.load(Path(region)))


def locate_batch(region: str, identity: str, run_id: str, stories: list[Row]) -> tuple[list[Row], list[Row]]:
    """Locate stories; return rows of locations and of places.

    Args: identity: `gazetteer_id` where the result is stored. Raises: MonitorError.
    """
    locator = _locator(region, identity)
    locations, places = [], []
    for story in stories:
        location = locator.locate(story["text"], title=story["title"])
        locations.append(_location_row(location, story, identity, run_id))
        places += _place_rows(location, story["story_id"])
    return locations, places


def _location_row(location: Location, story: Row, identity: str, run_id: str) -> Row:
    return {
        "story_id": story["story_id"],
        "content_hash": story["content_hash"],
        "gazetteer_id": identity,
        "level": location.level.value,
        "kabupaten": int(location.kabupaten),
        "confidence": location.confidence,
        "reason": location.reason,
        "mentions": json.dumps([asdict(mention) for mention in location.mentions], ensure_ascii=False),
        "run_id": run_id,
    }


def _place_rows(location: Location, story_id: str) -> list[Row]:
    """Return a story's places: its desa, and the kecamatan that are known beyond those of its desa."""
    rows: list[Row] = [
        {"story_id": story_id, "code": code, "level": "desa", "implied": int(code in location.desa_implied)}
        for code in location.desa
    ]
    parents = {code.rsplit(".", 1)[0] for code in location.desa}
    rows += [
        {"story_id": story_id, "code": code, "level": "kecamatan", "implied": 0}
        for code in location.kecamatan
        if code not in parents
    ]
    return rows


# -- classify -------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _classifier(folder: str, model_id: str) -> Classifier:
    classifier = Classifier.load(Path(folder))
    if classifier.model_id != model_id:
        raise MonitorError(f"{folder} holds model {classifier.model_id}, not {model_id}; copy the same to each machine")
    return classifier


def score_elsewhere(folder: str, model_id: str, run_id: str, stories: list[Row]) -> list[Row]:
    """Score stories on a machine that has to load the model first.

    Raises: MonitorError (another model, or none).
    """
    return score_batch(_classifier(folder, model_id), run_id, stories)


def score_batch(classifier: Classifier, run_id: str, stories: list[Row]) -> list[Row]:
    """Score stories; return rows of scores with the sentences that carry them."""
    texts = [story["text"] for story in stories]
    rows = score_rows(classifier.score(texts, [story["title"] for story in stories]))
    for row, story, sentences in zip(rows, stories, classifier.sentences(texts), strict=True):
        row |= {
            "story_id": story["story_id"],
            "content_hash": story["content_hash"],
            "evidence": json.dumps([[s.start, s.end, round(s.tension, 3)] for s in sentences]),
            "run_id": run_id,
        }
    return rows


def score_rows(scores: Scores) -> list[Row]:
    """Return the scores of each text as a row: tension, level, probabilities, act, themes, model id."""
    values = tension(scores.levels)
    return [
        {
            "model_id": scores.model_id,
            "tension": round(float(values[i]), 4),
            "level": round(4 * float(values[i])),
            "levels": json.dumps([round(float(p), 4) for p in scores.levels[i]]),
            "sentiment": json.dumps([round(float(p), 4) for p in scores.sentiment[i]]),
            "act": ACTS[int(scores.acts[i].argmax())],
            "themes": json.dumps([t for t, p in zip(THEMES, scores.themes[i], strict=True) if p >= THEME_THRESHOLD]),
        }
        for i in range(len(scores))
    ]

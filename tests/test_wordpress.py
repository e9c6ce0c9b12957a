"""A real WordPress on loopback, crawled through feed, interface and sitemap: what is stored is what was published."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from crawlers.items import RawDocument
from tests.crawling import PROJECT, Crawl
from tests.fault_server import paragraphs

SCRIPT = PROJECT / "tests" / "servers" / "wordpress.sh"
WIB = timezone(timedelta(hours=7))
COUNT = 18


def _missing() -> str:
    """Return what stands in the way of a WordPress here, "" for nothing."""
    programs = [each for each in ("php", "mariadbd", "mariadb-install-db", "curl") if not shutil.which(each)]
    if programs:
        return f"{', '.join(programs)} not installed"
    return "" if Path("/usr/share/wordpress").is_dir() else "the package wordpress is not installed"


if reason := _missing():
    if os.environ.get("REQUIRE_SYSTEM") == "1":
        pytest.fail(f"REQUIRE_SYSTEM=1, but {reason}", pytrace=False)
    pytest.skip(f"WordPress: {reason}", allow_module_level=True)


@dataclass(frozen=True)
class Post:
    """A post as it was published; `day` in May 2025, at 08:30 WIB."""

    title: str
    content: str
    day: int

    @property
    def published(self) -> datetime:
        return datetime(2025, 5, self.day, 8, 30, tzinfo=WIB).astimezone(UTC)

    @property
    def own_line(self) -> str:
        """The sentence that only this post has."""
        return self.content.partition("</p>")[0].removeprefix("<p>")

    def to_json(self) -> dict[str, str]:
        date = f"2025-05-{self.day:02} 08:30:00"
        return {"title": self.title, "content": self.content, "date": date, "category": "Pesawaran"}


def _post(number: int) -> Post:
    teaser = "<p><strong>Baca juga:</strong> <a href='/x'>Judul lain yang tak boleh terbawa</a></p>"
    title = f"Warga “Kampung {number}” & aparat bermusyawarah"
    return Post(title, paragraphs(number) + teaser + "<p>Editor: Seseorang</p>", number + 1)


@dataclass(frozen=True)
class Wordpress:
    folder: Path
    host: str

    def php(self, code: str, *given: str) -> str:
        """Run PHP inside the site, with `given` as $argv[1] and on; returns what it prints."""
        load = f"$_SERVER['HTTP_HOST']='127.0.0.1'; require '{self.folder}/site/wp-load.php'; "
        command = ["php", "-r", load + code, "--", *given]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def addresses(self) -> dict[str, str]:
        """Return the address of each post by its title."""
        code = (
            "$all = []; foreach (get_posts(['numberposts' => -1]) as $p)"
            " $all[html_entity_decode(get_the_title($p), ENT_QUOTES)] = get_permalink($p); echo json_encode($all);"
        )
        return dict(json.loads(self.php(code)))

    def add(self, post: Post) -> None:
        self.php(
            "$p = json_decode($argv[1], true); wp_insert_post(['post_title' => $p['title'], 'post_author' => 1,"
            " 'post_content' => $p['content'], 'post_status' => 'publish', 'post_date' => $p['date']], true);",
            json.dumps(post.to_json()),
        )

    def edit(self, title: str, sentence: str) -> None:
        self.php(
            "foreach (get_posts(['numberposts' => -1]) as $p)"
            " if (html_entity_decode(get_the_title($p), ENT_QUOTES) === $argv[1])"
            " wp_update_post(['ID' => $p->ID, 'post_content' => '<p>' . $argv[2] . '</p>' . $p->post_content]);",
            title,
            sentence,
        )


@pytest.fixture(scope="module")
def wordpress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wordpress]:
    folder = tmp_path_factory.mktemp("wordpress")
    posts = folder / "posts.json"
    posts.write_text(json.dumps([_post(number).to_json() for number in range(COUNT)]), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = folder / "wp"
    script = ["bash", str(SCRIPT)]
    try:
        with open(folder / "up.log", "w") as log:
            subprocess.run(
                [*script, "up", str(site), str(port), str(posts)], stdout=log, stderr=log, check=True, timeout=180
            )
        yield Wordpress(site, f"127.0.0.1:{port}")
    finally:
        subprocess.run([*script, "down", str(site)], check=False, timeout=30)


def _expected(wordpress: Wordpress, posts: list[Post]) -> dict[str, Post]:
    addresses = wordpress.addresses()
    return {addresses[post.title]: post for post in posts}


def _assert_as_published(document: RawDocument, post: Post) -> None:
    assert document.title == post.title
    assert document.text.startswith(post.own_line)
    assert "Perwakilan perempuan meminta pasar tetap dibuka" in document.text
    assert "Judul lain" not in document.text
    assert "Seseorang" not in document.text
    assert document.published == post.published


KINDS = [
    ("wordpress", "", {}, "api"),
    ("feed", "/feed/", {}, "feed"),
    ("sitemap", "/wp-sitemap.xml", {"include": ["^/2025/"]}, "meta"),
]


@pytest.mark.parametrize(("kind", "path", "more", "origin"), KINDS, ids=[kind for kind, *_ in KINDS])
def test_every_post_comes_once_as_published(
    wordpress: Wordpress, tmp_path: Path, kind: str, path: str, more: dict[str, object], origin: str
) -> None:
    crawl = Crawl(tmp_path, [wordpress.host])
    crawl.declare({"id": "wp", "kind": kind, "address": f"http://{wordpress.host}{path}", **more})
    expected = _expected(wordpress, [_post(number) for number in range(COUNT)])

    process = crawl.start("mati")  # killed as soon as it has stored something, or just after its end
    while process.poll() is None and not list((tmp_path / "spool").glob("*/*.gz")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = crawl.run("satu")["wp"]

    assert found["errors"] == []
    documents = [each for each in crawl.documents() if "/2025/" in each.url]
    assert Counter(each.url for each in documents) == dict.fromkeys(expected, 1)
    for document in documents:
        _assert_as_published(document, expected[document.url])
        assert document.published_from == origin
    again = crawl.run("dua")["wp"]
    assert (again["items"], again["errors"]) == (0, [])


def test_edits_and_new_posts_come_and_nothing_else(wordpress: Wordpress, tmp_path: Path) -> None:
    crawl = Crawl(tmp_path, [wordpress.host])
    address = f"http://{wordpress.host}"
    crawl.declare(
        {"id": "api", "kind": "wordpress", "address": address},
        {"id": "umpan", "kind": "feed", "address": f"{address}/feed/"},
        {"id": "peta", "kind": "sitemap", "address": f"{address}/wp-sitemap.xml", "include": ["^/2025/"]},
    )
    before = crawl.run("satu")
    time.sleep(1.1)  # WordPress tells times in seconds
    edited, added = _post(3), _post(COUNT + 5)
    wordpress.edit(edited.title, "Ralat: pertemuan dipindah ke balai desa.")
    wordpress.add(added)
    after = crawl.run("dua")

    where = wordpress.addresses()
    for source, wanted in {"api": 2, "umpan": 2, "peta": 1}.items():
        assert before[source]["items"] >= COUNT
        fresh = crawl.documents(source)[before[source]["items"] :]
        assert after[source]["errors"] == []
        assert after[source]["items"] == len(fresh) == wanted, source
        new = {each.url: each for each in fresh}
        _assert_as_published(new[where[added.title]], added)
        if wanted == 2:  # this WordPress gives its sitemap no lastmod, so edits do not show there
            assert new[where[edited.title]].text.startswith("Ralat: pertemuan dipindah ke balai desa.")
    assert all(entry["items"] == 0 for entry in crawl.run("tiga").values())

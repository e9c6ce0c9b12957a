"""Who switched a source on, on what legal basis and for what purpose; what is in force, and since when.

The declaration says what a source is; a grant says whether it may be read. Its history is the audit log.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from analysis.errors import MonitorError
from crawlers.sources import Source
from pipelines.audit import record
from pipelines.collect import declared_sources, source_row
from pipelines.config import Settings
from pipelines.store import Row, Store

TERMS = {  # what a platform asks of whoever reads it, told when it is switched on (docs/sumber.md has the sources)
    "youtube": "YouTube: ketentuan API melarang mengenali atau menelusuri orang, dan yang diberikannya dihapus paling "
    "lambat 30 hari. Sejuk menghapusnya setelah 29 hari, juga bila retention.raw_days lebih panjang; hapuslah juga "
    "salinan cadangan yang lebih tua.",
    "x": "X: ketentuan pengembangnya melarang menyimpulkan atau menyimpan keterangan tentang pengguna, antara lain "
    "afiliasi politik, agama, suku, kesehatan, atau dugaan kejahatan; dan membatasi pemakaian oleh pemerintah, "
    "termasuk pengawasan dan intelijen. Hanya analisis gabungan tanpa data pribadi yang diperbolehkan. Pastikan izin "
    "tertulis dari X bila lembaga Anda bagian dari pemerintah.",
    "bluesky": "Bluesky: pedoman pengembangnya meminta kiriman yang dihapus penulisnya ikut dihapus. Sejuk menghapusnya"
    " pada putaran berikutnya bila membaca Jetstream (wss://…); pencarian (https://…) tidak memberi tahu penghapusan.",
    "mastodon": "Mastodon: setiap peladen punya aturan sendiri; bacalah /about peladen itu. Hanya kiriman yang oleh "
    "penulisnya dibuka untuk umum dan boleh diindeks yang diambil.",
}
CONFIRMED = ("x",)  # platforms whose terms have to be confirmed by whoever switches them on


class GrantRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A source that cannot be switched on or off like this; says why."""


def enable(
    settings: Settings,
    store: Store,
    source_id: str,
    basis: str,
    purpose: str,
    who: str,
    now: datetime,
    confirms_terms: bool = False,
) -> Source:
    """Switch a source on from the next run, with its legal basis and purpose; written to the audit log.

    Args: confirms_terms: whoever switches it on has read the platform's terms and says that this use keeps them.
    Raises: GrantRefused (unknown source, nothing said, terms not confirmed), ConfigError, StorageError.
    """
    source = _declared(settings, source_id)
    for name, value in (("basis", basis), ("purpose", purpose), ("by", who)):
        if not value.strip():
            raise GrantRefused(f"--{name} must say something: it is what the audit log will show")
    grant = {"basis": basis.strip(), "purpose": purpose.strip()}
    told: Row = dict(grant)
    if source.kind in CONFIRMED:
        if not confirms_terms:
            raise GrantRefused(f"{TERMS[source.kind]}\nIt stays off until these terms are confirmed (--confirm-terms)")
        told["terms_confirmed"] = TERMS[source.kind]
    return _write(store, source, grant | {"enabled": 1}, "source enabled", told, who.strip(), now)


def terms_of(settings: Settings, source_id: str) -> str:
    """Return what the source's platform asks of whoever reads it, "" where the source is on none.

    Raises: GrantRefused (unknown source), ConfigError.
    """
    return TERMS.get(_declared(settings, source_id).kind, "")


def must_confirm(settings: Settings, source_id: str) -> bool:
    """Tell whether the terms of the source's platform have to be confirmed.

    Raises: GrantRefused (unknown source), ConfigError.
    """
    return _declared(settings, source_id).kind in CONFIRMED


def disable(settings: Settings, store: Store, source_id: str, who: str, reason: str, now: datetime) -> Source:
    """Switch a source off from the next run; what it gave stays until retention takes it.

    Raises: GrantRefused (unknown source), ConfigError, StorageError.
    """
    source = _declared(settings, source_id)
    kept = listed(store).get(source_id, {"basis": source.basis, "purpose": ""})
    grant = {"basis": kept["basis"], "purpose": kept["purpose"], "enabled": 0}
    return _write(store, source, grant, "source disabled", {"reason": reason.strip()}, who.strip(), now)


def in_force(settings: Settings, store: Store) -> tuple[Source, ...]:
    """Return the sources as they are to be read: each as it was last switched, else as it is declared.

    Raises: ConfigError, StorageError.
    """
    granted = listed(store)
    return tuple(_granted_form(source, granted.get(source.id)) for source in declared_sources(settings))


def effective_sources(settings: Settings) -> tuple[Source, ...]:
    """Return the declared sources as they are in force, also before there is a database.

    Raises: ConfigError, StorageError.
    """
    if not settings.database.is_file():
        return declared_sources(settings)
    with Store(settings.database, read_only=True) as store:
        return in_force(settings, store)


def listed(store: Store) -> dict[str, Row]:
    """Return basis, purpose, enabled, changed_at and changed_by of each source that was ever switched, by its id."""
    if "source_grants" not in store.db.table_names():  # read only, and written before there were grants
        return {}
    return {row["source_id"]: row for row in store.rows("SELECT * FROM source_grants")}


def _granted_form(source: Source, grant: Row | None) -> Source:
    if grant is None:
        return source
    return replace(source, enabled=bool(grant["enabled"]), basis=grant["basis"], enabled_by=grant["changed_by"])


def _declared(settings: Settings, source_id: str) -> Source:
    for source in declared_sources(settings):
        if source.id == source_id:
            return source
    raise GrantRefused(f"no source {source_id} in {settings.sources_file}; `sources list` shows them")


def _write(store: Store, source: Source, grant: Row, action: str, detail: Row, who: str, now: datetime) -> Source:
    row = grant | {"source_id": source.id, "changed_at": now.isoformat(), "changed_by": who}
    with store.transaction():
        store.upsert("source_grants", [row], "source_id")
        changed = _granted_form(source, row)
        store.upsert("sources", [source_row(changed)], "source_id")
        record(store, action, {"source": source.id, "kind": source.kind} | detail, now, who)
    return changed

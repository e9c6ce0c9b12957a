"""The schema, step by step. A step that has landed is never edited; the next change is a new step."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

schema = Migrations("sejuk")


@schema()
def m001_foundation(db: Database) -> None:
    """Create runs, sources, documents, stories, places, scores and the daily tables."""
    for statement in FOUNDATION.split(";\n"):
        if statement.strip():
            db.execute(statement)


KECAMATAN_COLUMNS = """\
  kecamatan_code TEXT NOT NULL,
  kecamatan_tension REAL,       -- what is shown where the desa's own stories are too few
  kecamatan_low REAL,
  kecamatan_high REAL,
"""
FOUNDATION = (
    """
CREATE TABLE runs (             -- one row for each run of the pipeline
  run_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,           -- once, crawl, process, tables, demo
  started TEXT NOT NULL,        -- UTC, ISO 8601, as all times here
  finished TEXT,                -- NULL: running, or killed
  status TEXT NOT NULL,         -- running, ok, failed
  summary TEXT                  -- JSON: counts of each stage
);
CREATE TABLE sources (          -- what sources.toml declared when it was last read
  source_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  voice TEXT NOT NULL CHECK (voice IN ('press', 'official', 'public')),
  address TEXT NOT NULL,
  basis TEXT NOT NULL,          -- legal basis
  enabled INTEGER NOT NULL,
  verified INTEGER NOT NULL
);
CREATE TABLE fetches (          -- what one run got from one source
  run_id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  day TEXT NOT NULL,            -- region-local day of the start
  started TEXT NOT NULL,
  finished TEXT NOT NULL,
  ok INTEGER NOT NULL,          -- 1: the source answered and was understood
  requests INTEGER NOT NULL,
  items INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,   -- answers 304
  known INTEGER NOT NULL,       -- addresses already stored
  robots_denied INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  rejected TEXT NOT NULL,       -- JSON {reason: count}
  status TEXT NOT NULL,         -- JSON {HTTP status: count}
  errors TEXT NOT NULL,         -- JSON [message]
  last_published TEXT,
  PRIMARY KEY (run_id, source_id)
);
CREATE INDEX fetches_day ON fetches (day, source_id);
CREATE TABLE spool_files (      -- files of the spool that were taken in, whole
  path TEXT PRIMARY KEY,        -- relative to the spool
  processed_at TEXT NOT NULL,
  documents INTEGER NOT NULL,
  rejected INTEGER NOT NULL
);
CREATE TABLE documents (        -- a cleaned, masked article or post; title and text are purged by retention
  document_id TEXT PRIMARY KEY, -- hash of the canonical address
  story_id TEXT NOT NULL REFERENCES stories (story_id),
  source_id TEXT NOT NULL,
  voice TEXT NOT NULL,
  url TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  lang TEXT NOT NULL,
  published TEXT NOT NULL,
  day TEXT NOT NULL,            -- region-local day of published
  date_known INTEGER NOT NULL,  -- 0: published is the time of the first fetch
  fetched_at TEXT NOT NULL,     -- of this version
  first_seen TEXT NOT NULL,
  author_hash TEXT              -- keyed hash, counts distinct authors; dropped once the day is final
);
CREATE INDEX documents_story ON documents (story_id);
CREATE INDEX documents_published ON documents (published);
CREATE TABLE rejects (          -- documents that were not taken in
  url TEXT NOT NULL,
  reason TEXT NOT NULL,
  source_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (url, reason)
);
CREATE TABLE fingerprints (     -- MinHash signatures, kept longer than the texts
  document_id TEXT PRIMARY KEY,
  published TEXT NOT NULL,
  signature BLOB NOT NULL       -- 128 little-endian uint32
);
CREATE TABLE bands (            -- locality-sensitive keys of the signatures
  key INTEGER NOT NULL,
  document_id TEXT NOT NULL,
  PRIMARY KEY (key, document_id)
) WITHOUT ROWID;
CREATE TABLE stories (          -- one origin and its copies
  story_id TEXT PRIMARY KEY,    -- document_id of the first document that was seen
  origin_id TEXT NOT NULL,      -- document_id of the earliest published copy
  voice TEXT NOT NULL,          -- of the origin
  published TEXT NOT NULL,      -- of the origin
  day TEXT NOT NULL,            -- region-local day of the origin
  first_seen TEXT NOT NULL,
  copies INTEGER NOT NULL,      -- documents, the origin included
  sources INTEGER NOT NULL,     -- distinct sources
  authors INTEGER NOT NULL,     -- distinct author hashes
  content_hash TEXT NOT NULL    -- of the origin; a change asks for a new place and score
);
CREATE INDEX stories_day ON stories (day);
CREATE TABLE locations (        -- where a story's matter takes place
  story_id TEXT PRIMARY KEY REFERENCES stories (story_id),
  content_hash TEXT NOT NULL,   -- of the text that was located
  gazetteer_id TEXT NOT NULL,   -- hash of the region's place tables
  level TEXT NOT NULL CHECK (level IN ('desa', 'kecamatan', 'kabupaten', 'elsewhere', 'none')),
  kabupaten INTEGER NOT NULL,   -- 1: about the region
  confidence REAL NOT NULL,
  reason TEXT NOT NULL,
  mentions TEXT NOT NULL,       -- JSON: every span with its candidates and the rule that decided
  run_id TEXT NOT NULL
);
CREATE TABLE places (           -- the places of a story, one row each
  story_id TEXT NOT NULL REFERENCES stories (story_id),
  code TEXT NOT NULL,           -- Kemendagri code
  level TEXT NOT NULL CHECK (level IN ('desa', 'kecamatan')),
  implied INTEGER NOT NULL,     -- 1: reached through a landmark only
  PRIMARY KEY (story_id, code)
);
CREATE INDEX places_code ON places (code);
CREATE TABLE scores (           -- what the classifier says of a story of the region
  story_id TEXT NOT NULL REFERENCES stories (story_id),
  model_id TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  tension REAL NOT NULL CHECK (tension BETWEEN 0 AND 1), -- expected level / 4
  level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4),  -- the tension's nearest level
  levels TEXT NOT NULL,         -- JSON, 5 probabilities
  sentiment TEXT NOT NULL,      -- JSON, negatif, netral, positif
  act TEXT NOT NULL,            -- none, cooling, escalation
  themes TEXT NOT NULL,         -- JSON, names of the themes
  evidence TEXT NOT NULL,       -- JSON [[start, end, tension]]: the sentences that carry the score
  run_id TEXT NOT NULL,
  PRIMARY KEY (story_id, model_id)
);
"""
    + "".join(
        f"""
CREATE TABLE {name} (
  day TEXT NOT NULL,            -- region-local day
  {key} TEXT NOT NULL,
  voice TEXT NOT NULL CHECK (voice IN ('all', 'press', 'official', 'public')),
  n INTEGER NOT NULL,           -- stories of the day
  n7 INTEGER NOT NULL,          -- stories of the last 7 days
  copies INTEGER NOT NULL,
  sources INTEGER NOT NULL,
  authors7 INTEGER NOT NULL,    -- distinct authors of public stories in 7 days
  tension REAL,                 -- estimate in [0, 1]; NULL where there is no data: silence is not calm
  low REAL,                     -- 90 % interval
  high REAL,
  weight REAL,                  -- share of the estimate that the place's own stories carry
  status TEXT NOT NULL CHECK (status IN ('enough', 'estimated', 'no_data')),
  negative REAL,                -- mean sentiment shares of the day's stories
  neutral REAL,
  positive REAL,
  themes TEXT NOT NULL,         -- JSON {{theme: stories of the day}}
  max_level INTEGER,            -- highest level of a story of the day
  grave7 INTEGER NOT NULL,      -- stories of level 3 or 4 in 7 days
  coverage REAL NOT NULL,       -- share of the voice's sources that could be known
{extra}  final INTEGER NOT NULL,       -- 1: frozen, 7 days later
  as_of TEXT NOT NULL,          -- what was known when this row was last changed
  model_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (day, {key}, voice)
);
"""
        for name, key, extra in (
            ("desa_daily", "desa_code", KECAMATAN_COLUMNS),
            ("kecamatan_daily", "kecamatan_code", ""),
            ("kabupaten_daily", "kabupaten_code", ""),
        )
    )
    + """
CREATE TABLE watch_list (       -- where to look first, day by day
  day TEXT NOT NULL,
  code TEXT NOT NULL,
  tier TEXT NOT NULL,           -- merah, kuning, laporan tunggal
  reason TEXT NOT NULL,         -- plain words, Bahasa Indonesia
  seen REAL,
  expected REAL,
  p REAL,
  as_of TEXT NOT NULL,
  PRIMARY KEY (day, code, tier)
);
CREATE TABLE audit_log (        -- hash-chained: each row's hash covers the one before
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
);
"""
)


@schema()
def m002_alert_life(db: Database) -> None:
    """Create the alerts' life, visits, and the kept versions of the daily tables."""
    for statement in ALERT_LIFE:
        db.execute(statement)
    for level in ("desa", "kecamatan", "kabupaten"):
        table, key = f"{level}_daily", f"{level}_code"
        db.execute(f"CREATE TABLE {table}_versions AS SELECT * FROM {table} WHERE 0")  # noqa: S608 (constants)
        db.execute(f"CREATE UNIQUE INDEX {table}_version ON {table}_versions (day, {key}, voice, as_of)")
        db.execute(
            f"CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table} BEGIN "  # noqa: S608 (constants)
            f"INSERT OR REPLACE INTO {table}_versions SELECT * FROM {table} "
            f"WHERE day = OLD.day AND {key} = OLD.{key} AND voice = OLD.voice; END"
        )


ALERT_LIFE = (
    """CREATE TABLE alerts (       -- what was found; its figures are those of as_of
  alert_id TEXT PRIMARY KEY,    -- day, place, tier and kind, joined by -
  day TEXT NOT NULL,            -- region-local day that was judged
  kind TEXT NOT NULL,           -- counts, marked, regression, volume, source
  tier TEXT NOT NULL CHECK (tier IN ('kuning', 'merah')),
  level TEXT NOT NULL,          -- desa, kecamatan, kabupaten, source
  code TEXT NOT NULL,           -- Kemendagri code, or the source's id
  place TEXT NOT NULL,          -- its name, as it is read
  first_day TEXT NOT NULL,      -- the window
  last_day TEXT NOT NULL,
  words TEXT NOT NULL,          -- what changed, Bahasa Indonesia
  seen REAL,
  expected REAL,
  p REAL,                       -- NULL where the statistic has none
  statistic REAL,               -- NULL where p decides
  false_alarms_a_week REAL NOT NULL, -- that the rule was set for
  coverage REAL NOT NULL,       -- healthy share of the sources
  unknown TEXT NOT NULL,        -- JSON [text]: what is not known
  events TEXT NOT NULL,         -- JSON [text]: known events within the window
  evidence TEXT NOT NULL,       -- JSON, three stories at most; its texts are purged by retention
  state TEXT NOT NULL CHECK (state IN ('raised', 'in_review', 'confirmed', 'dismissed', 'delivered',
                                       'acknowledged', 'closed')),
  raised_at TEXT NOT NULL,
  as_of TEXT NOT NULL,
  run_id TEXT NOT NULL
)""",
    "CREATE INDEX alerts_state ON alerts (state, day)",
    "CREATE INDEX alerts_place ON alerts (code, last_day)",
    """CREATE TABLE alert_steps (  -- who did what when; never changed
  alert_id TEXT NOT NULL REFERENCES alerts (alert_id),
  seq INTEGER NOT NULL,
  state TEXT NOT NULL,
  at TEXT NOT NULL,
  who TEXT NOT NULL,            -- staff, or sejuk itself
  note TEXT NOT NULL,           -- the reason of a dismissal, the channel of a delivery
  PRIMARY KEY (alert_id, seq)
)""",
    """CREATE TABLE visits (       -- what the police did to listen; no resident is named
  desa_code TEXT NOT NULL,
  day TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('sambang', 'pos kamling', 'forum warga', 'kegiatan keagamaan',
                                     'kegiatan sosial', 'mediasi')),
  themes TEXT NOT NULL,         -- JSON [theme]
  outcome TEXT NOT NULL,        -- masked
  follow_up TEXT NOT NULL,      -- masked
  entered_at TEXT NOT NULL,
  entered_by TEXT NOT NULL,     -- staff
  PRIMARY KEY (desa_code, day, kind)
)""",
    "CREATE INDEX visits_day ON visits (day)",
)


@schema()
def m006_api_tokens(db: Database) -> None:
    """Create the tokens of the JSON API; of their secrets only hashes are kept."""
    db.execute(
        """CREATE TABLE api_tokens (
  token_id TEXT PRIMARY KEY,    -- stands in the token, tells which one it is
  label TEXT NOT NULL,          -- which programme uses it
  hash TEXT NOT NULL,           -- SHA-256 of 256 random bits
  scopes TEXT NOT NULL,         -- JSON [tables, alerts, sources, evidence]
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL,     -- staff
  expires_at TEXT NOT NULL,
  revoked_at TEXT               -- NULL: not revoked
)"""
    )


@schema()
def m004_users(db: Database) -> None:
    """Create the page's users, their sessions, and failed logins; of passwords and sessions only hashes are kept."""
    for statement in (
        """CREATE TABLE users (
  name TEXT PRIMARY KEY,        -- as typed at login, lower case
  roles TEXT NOT NULL,          -- JSON [pembaca, analis, pengulas, komando, admin]
  kecamatan TEXT NOT NULL,      -- JSON [code]; empty: all
  hash TEXT NOT NULL,           -- argon2id
  must_change INTEGER NOT NULL, -- 1: the password was given, not chosen
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL,
  disabled_at TEXT              -- NULL: may sign in
)""",
        """CREATE TABLE sessions (
  hash TEXT PRIMARY KEY,        -- SHA-256 of 256 random bits
  name TEXT NOT NULL REFERENCES users (name),
  created_at TEXT NOT NULL,
  last_seen TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  revoked_at TEXT
)""",
        "CREATE INDEX sessions_name ON sessions (name)",
        """CREATE TABLE failed_logins (
  subject TEXT NOT NULL,        -- name or address, hashed
  at TEXT NOT NULL
)""",
        "CREATE INDEX failed_logins_subject ON failed_logins (subject, at)",
    ):
        db.execute(statement)


@schema()
def m003_deliveries(db: Database) -> None:
    """Create what was sent to whom: written before it is sent, so that nothing confirmed is ever lost."""
    db.execute(
        """CREATE TABLE deliveries (
  key TEXT PRIMARY KEY,         -- kind, subject and recipient: a message reaches each of them once
  kind TEXT NOT NULL CHECK (kind IN ('alert', 'brief')),
  subject TEXT NOT NULL,        -- alert_id, or the day of the brief
  recipient TEXT NOT NULL,      -- id in the configuration; its address stands in the environment alone
  urgent INTEGER NOT NULL,      -- 1: may pass the quiet hours
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'held', 'sent', 'failed')),
  attempts INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  next_try TEXT NOT NULL,
  sent_at TEXT,
  last_error TEXT               -- without addresses or secrets
)"""
    )
    db.execute("CREATE INDEX deliveries_due ON deliveries (state, next_try)")
    db.execute("CREATE INDEX deliveries_subject ON deliveries (subject)")


@schema()
def m005_corrections(db: Database) -> None:
    """Create what analysts corrected, and what was taken down."""
    for statement in (
        """CREATE TABLE corrections (
  correction_id INTEGER PRIMARY KEY,
  story_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('place', 'level')),
  value TEXT NOT NULL,          -- a code (desa, kecamatan, kabupaten), "elsewhere", or a level 0 to 4
  before TEXT NOT NULL,         -- what the machine said, in the same words
  reason TEXT NOT NULL,
  proposed_at TEXT NOT NULL,
  proposed_by TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
  decided_at TEXT,
  decided_by TEXT
)""",
        "CREATE INDEX corrections_story ON corrections (story_id, state)",
        """CREATE TABLE takedowns (
  document_id TEXT PRIMARY KEY, -- of the address that was taken down: it is not taken in again
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  reason TEXT NOT NULL
)""",
        """CREATE TABLE rebuilds (       -- days that a correction asks to be built again
  since TEXT PRIMARY KEY,
  asked_at TEXT NOT NULL
)""",
    ):
        db.execute(statement)


@schema()
def m007_clarifications(db: Database) -> None:
    """Create the links from a rumour to the story that clarifies it."""
    db.execute(
        """CREATE TABLE clarifications (
  story_id TEXT NOT NULL,       -- the rumour; its level stays what was said, as the scale asks
  clarified_by TEXT NOT NULL,   -- the story that denies or explains it
  reason TEXT NOT NULL,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  PRIMARY KEY (story_id, clarified_by)
)"""
    )


@schema()
def m010_source_grants(db: Database) -> None:
    """Create who switched which source on or off; its history stands in the audit log."""
    db.execute(
        """CREATE TABLE source_grants (
  source_id TEXT PRIMARY KEY,
  basis TEXT NOT NULL,          -- legal basis, as whoever switched it on named it
  purpose TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  changed_at TEXT NOT NULL,
  changed_by TEXT NOT NULL      -- staff
)"""
    )


@schema()
def m020_source_daily(db: Database) -> None:
    """Create what each source gave day by day; kept for good, it holds no text."""
    db.execute(
        """CREATE TABLE source_daily (
  source_id TEXT NOT NULL,
  day TEXT NOT NULL,            -- region-local
  visits INTEGER NOT NULL,
  heard INTEGER NOT NULL,       -- visits that were answered, understood and not refused
  documents INTEGER NOT NULL,   -- new ones
  first_new TEXT,               -- visit that brought the first of them, and the last
  last_new TEXT,
  empty INTEGER NOT NULL,       -- pages without a text
  undated INTEGER NOT NULL,     -- documents whose date is not told
  boilerplate INTEGER NOT NULL, -- documents of which half stands in others of the source too
  usual REAL,                   -- documents usual on that weekday, as then learned; NULL: not yet
  state TEXT,                   -- healthy, late, silent, broken, blocked, new, off: as last judged that day
  PRIMARY KEY (source_id, day)
)"""
    )


@schema()
def m030_labels(db: Database) -> None:
    """Create the labels that analysts' corrections gave, for the next training."""
    db.execute(
        """CREATE TABLE labels (
  label_id TEXT PRIMARY KEY,    -- hash of title and text
  document_id TEXT,             -- a takedown removes the label too; NULL: the text comes from elsewhere
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  level INTEGER,                -- NULL, here and below: not labelled
  act TEXT,
  themes TEXT,                  -- JSON, names
  sentiment TEXT,
  place TEXT,                   -- JSON, codes of its places; []: not in the region
  kind TEXT NOT NULL,           -- a post or comment goes when its words go from documents
  lang TEXT NOT NULL,
  imported_at TEXT NOT NULL
)"""
    )


@schema()
def m021_versions(db: Database) -> None:
    """Create what is compared of texts, why a document stands in its story, and how much it retells a release."""
    for statement in (
        """CREATE TABLE story_traits (  -- rare words, names, numbers, quotes; purged within a week
  document_id TEXT PRIMARY KEY,
  day TEXT NOT NULL,            -- UTC day of publication
  published TEXT NOT NULL,
  terms BLOB NOT NULL,          -- little-endian int32, hashes of its stems
  weights BLOB NOT NULL,        -- little-endian float32, their rarity; a vector of length 1
  traits TEXT NOT NULL          -- JSON, see analysis.story_traits.Traits
)""",
        "CREATE INDEX story_traits_day ON story_traits (day)",
        """CREATE TABLE story_links (   -- why a document was put to a story that was known before it
  document_id TEXT PRIMARY KEY,
  story_id TEXT NOT NULL,
  how TEXT NOT NULL CHECK (how IN ('copy', 'version')),
  score REAL NOT NULL,          -- similarity of a copy in [0, 1], log-odds of a version
  reasons TEXT NOT NULL,        -- JSON [[kind, what]]: what both share
  joined_at TEXT NOT NULL
)""",
        "CREATE INDEX story_links_story ON story_links (story_id)",
        "ALTER TABLE documents ADD COLUMN release REAL",  # log-odds that a press text retells an official release
    ):
        db.execute(statement)


@schema()
def m022_proposed_clarifications(db: Database) -> None:
    """Let a clarification be proposed by the program, to be confirmed or rejected by an analyst."""
    for statement in (
        """ALTER TABLE clarifications ADD COLUMN state TEXT NOT NULL DEFAULT 'linked'
           CHECK (state IN ('proposed', 'linked', 'rejected'))""",
        "ALTER TABLE clarifications ADD COLUMN score REAL",  # log-odds of a proposal; NULL: a person linked them
        "ALTER TABLE clarifications ADD COLUMN decided_by TEXT",
        "ALTER TABLE clarifications ADD COLUMN decided_at TEXT",
    ):
        db.execute(statement)

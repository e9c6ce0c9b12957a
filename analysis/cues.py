"""What the words before a place name say: what it is called, and what part the place plays in the matter."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_ABBREVIATED = frozenset("ds kec kab kp kel jl jln dsn dk lk gg prov kpg kades h hj dr ir no rt rw".split())
_STOPS = frozenset(".!?;\n")

DESA = frozenset("desa ds dsa des kampung kp kpg pekon kelurahan kel tiyuh kades lurah desanya".split())
KECAMATAN = frozenset("kecamatan kec camat kecamatannya".split())
KABUPATEN = frozenset("kabupaten kab kota pemkab bupati".split())
DUSUN = frozenset("dusun dsn dukuh lingkungan lk rt rw umbulan".split())
TRIGGERS = {
    word: kind
    for kind, words in (("desa", DESA), ("kecamatan", KECAMATAN), ("kabupaten", KABUPATEN), ("dusun", DUSUN))
    for word in words
}

# A word right before a name (or before "desa") that tells the part the place plays.
_BESIDE = {
    "road": """
        jalan jln jl jalur ruas tol gang gg lintas rute trayek""",
    "direction": """
        menuju arah jurusan melewati melintasi""",
    "river": """
        sungai kali das embung bendungan gunung bukit teluk selat""",
    "ship": """
        kmp km kapal perahu feri""",
    "organisation": """
        smp smpn sma sman smk smkn sd sdn mts mtsn man ma mi tk pt cv ud bank koperasi koptan partai paguyuban
        persatuan ikatan klub fc ps komunitas sanggar grup band himpunan yayasan ponpes pesantren gapoktan bumdes
        karang hotel toko warung kedai masjid perumahan kebun kopi durian""",
    "office": """
        polsek kapolsek polres kapolres koramil danramil kodim dandim puskesmas rsud kua camat kades lurah pemkab
        bupati kpu bawaslu panwaslu panwascam ppk pps dprd dinas disdik bkd bpbd kejari pn babinsa bhabinkamtibmas
        sekcam sekdes kadis pemdes pemerintah aparatur satpol kapus danpos inspektorat baznas kemenag polisi tni
        petugas kepolisian pengadilan kejaksaan""",
    "person": """
        pak bapak bu sdr saudara saudari haji hj bernama almarhum almarhumah ustaz ustadz kyai kiai bang mas mbah
        kak inisial mbak om tante cak""",
    "comparison": """
        seperti sebagaimana layaknya mirip bukan bukannya tidak tak dibanding dibandingkan ketimbang daripada meniru
        mencontoh selain kecuali ala versi""",
    "home": """
        asal kelahiran berdomisili domisili beralamat alamat bermukim berasal alumni ktp mudik pulang indekos
        merantau rantau""",
    "resident": """
        warga penduduk warganya pemuda pemudi petani nelayan peternak pedagang siswa emak massa
        masyarakat orang org wong jemaah jamaah rombongan kontingen kloter kesebelasan tim skuad pengantin guru
        atlet santri honorer peziarah tokoh keluarga ibu anak pria wanita perempuan lelaki remaja pelajar buruh
        dari""",
}
BESIDE = {word: role for role, words in _BESIDE.items() for word in words.split()}

# Words a little further before the name; they pass over "di", "desa" and the like.
_NEAR = {
    "arrest": """
        ditangkap menangkap diamankan mengamankan dibekuk diringkus meringkus diciduk digelandang dibawa ditahan
        bersembunyi kabur melarikan dijemput disergap penangkapan dilimpahkan dirujuk dimakamkan""",
    "home": """
        tinggal berdomisili beralamat bermukim berasal lahir dibesarkan kontrakan menetap bertempat""",
    "comparison": """
        kayak kyk kek kaya laksana kira serupa sama mantan eks pernah dulu dahulu sebelumnya dibanding
        dibandingkan ketimbang belajar studi
        mencontoh berbeda lain dipindahkan pindah mutasi pindahan bertugas""",
}
NEAR = {word: role for role, words in _NEAR.items() for word in words.split()}
_PASSED = frozenset(
    """di ke dari pada dalam wilayah daerah kawasan sekitar dusun desa ds kampung kp pekon kelurahan kel kecamatan
    kec kabupaten kab kota yang terjadi itu salah satu sebuah juga oleh polisi petugas rumahnya rumah hukum
    halaman""".split()
)


def words_before(plain: str, start: int, reach: int = 70) -> list[str]:
    """Return the words and signs before a position, nearest first, up to the end of the sentence before.

    >>> words_before("hujan. warga ds. ", 17)
    ['ds', 'warga']
    """
    tokens = _TOKEN.findall(plain[max(0, start - reach) : start])
    found: list[str] = []
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i] not in _STOPS:
            found.append(tokens[i])
        elif not (tokens[i] == "." and i and tokens[i - 1] in _ABBREVIATED):
            break
    return found


def trigger_of(before: list[str]) -> str:
    """Return what the word right before a name calls it: desa, kecamatan, kabupaten, dusun or "".

    >>> trigger_of(["kec", ",", "bagelen"])
    'kecamatan'
    """
    word = before[0] if before else ""
    if word in (":", "-", '"', "'", "(", "\u2018", "\u201c") and len(before) > 1 and before[1] in TRIGGERS:
        word = before[1]
    if word.isdigit():  # RT 02 RW 01 Bagelen is not a hamlet's name
        return ""
    return TRIGGERS.get(word, "")


def is_located(words: list[str]) -> bool:
    """Tell whether the words before a place, nearest first, say that something is or happens there.

    >>> is_located(["desa", "di"]), is_located(["klub"])
    (True, False)
    """
    for word in words[:4]:
        if word in _IN:
            return True
        if word not in TRIGGERS and word not in _PASSED:
            return False
    return False


def role_of(words: list[str], trigger: str) -> str:
    """Return the part a place plays by the words before its name, "event" where none speaks against it.

    Args: words: as `words_before` gives them, without signs.

    >>> role_of(["desa", "asal", "pria"], "desa"), role_of(["polsek"], ""), role_of(["di", "ditangkap"], "")
    ('home', 'office', 'arrest')
    """
    words = words[:7]
    if not words:
        return "event"
    if not _FORMER.isdisjoint(words[:4]):
        return "comparison"
    if trigger and words[0] in TRIGGERS:
        if words[0] in ("kades", "lurah", "camat", "bupati", "pemkab"):
            return "office"
        if len(words) > 1 and words[0] in DESA | KECAMATAN | KABUPATEN and words[1] in _HEADS:
            return "office" if words[1] not in ("balai", "kantor", "lapangan") else "event"
        words = words[1:]
        beside = BESIDE.get(words[0], "") if words else ""
        if beside in ("home", "comparison", "resident", "direction"):
            return beside
        if beside == "office" and trigger in ("kecamatan", "kabupaten"):
            return "office"
    elif (beside := BESIDE.get(words[0], "")) or (
        len(words) > 1
        and (words[0].isdigit() or words[0] in ("raya", "negeri", "sektor", "resor"))
        and (beside := BESIDE.get(words[1], ""))
    ):
        return beside
    for word in words[:5]:
        if role := NEAR.get(word):
            return role
        if word not in _PASSED:
            break
    return "event"


_IN = frozenset({"di", "ke", "wilayah", "kawasan", "daerah"})
_FORMER = frozenset({"mantan", "eks"})
_HEADS = frozenset(
    "kepala sekretaris aparat aparatur perangkat pemerintah pemerintahan kantor balai bendahara ketua".split()
)

"""What the words before a place name say: what it is called, and what part the place plays in the matter."""

from __future__ import annotations

import re
from itertools import pairwise

_TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_ABBREVIATED = frozenset("ds kec kab kp kel jl jln dsn dk lk gg prov kpg kades h hj dr ir no rt rw".split())
_STOPS = frozenset(".!?;\n")
REACH = 70  # characters before a name that say what it is and what part it plays

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
        menuju arah jurusan melewati melintasi menyeberangi tujuan""",
    "river": """
        sungai kali das embung bendungan gunung bukit teluk selat""",
    "ship": """
        kmp km kri kapal perahu feri""",
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
        pak bapak bu sdr saudara saudari haji hj bernama dinamai dijuluki almarhum almarhumah ustaz ustadz kyai kiai
        bang mas mbah kak inisial mbak om tante cak""",
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
        dari dr""",
}
BESIDE = {word: role for role, words in _BESIDE.items() for word in words.split()}

# Words a little further before the name; they pass over "di", "desa" and the like.
_NEAR = {
    "arrest": """
        ditangkap menangkap diamankan mengamankan dibekuk diringkus meringkus diciduk digelandang dibawa ditahan
        bersembunyi kabur melarikan dijemput disergap penangkapan dilimpahkan dirujuk dimakamkan penadah""",
    "home": """
        tinggal berdomisili beralamat bermukim berasal lahir dibesarkan kontrakan menetap bertempat tetangga
        tetanggaku pulang mudik kelahiran asal""",
    "comparison": """
        kayak kyk kek kaya laksana kira serupa beda bukan bandingkan membandingkan mantan eks pernah dulu dahulu
        sebelumnya dibanding dibandingkan ketimbang belajar studi mencontoh berbeda dipindahkan pindah mutasi pindahan
        bertugas bertetangga bersebelahan berbatasan berdekatan berdampingan bersebelah tetanggaan keberhasilan
        kesuksesan berkaca berguru ditiru mengadopsi diadopsi terinspirasi inspirasi rujukan acuan mengacu setara
        seindah sehebat separah seramai ibarat bak persis mengingatkan teringat dialami kalah mengalahkan menyaingi
        mengungguli ungguli semacam""",
    "direction": """
        menyeberang berangkat bertolak""",
}
NEAR = {word: role for role, words in _NEAR.items() for word in words.split()}
_PASSED = frozenset(
    """di ke dari pada dalam wilayah daerah kawasan sekitar dusun desa ds kampung kp pekon kelurahan kel kecamatan kec
    kabupaten kab kota yang terjadi itu salah satu sebuah juga oleh polisi petugas rumahnya rumah hukum halaman
    halamannya paksa pasar dengan saat kerabat kerabatnya saudaranya orangtuanya mertuanya temannya kekasihnya
    tempat kos indekos penginapan persembunyian persembunyiannya sama saya kasus peristiwa kejadian""".split()
)


def words_before(plain: str, start: int, floor: int = 0) -> list[str]:
    """Return the words and signs before a position, nearest first, up to `floor` or the end of the sentence before.

    >>> words_before("hujan. warga ds. ", 17)
    ['ds', 'warga']
    """
    tokens = _TOKEN.findall(plain[max(floor, start - REACH) : start])
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
    words = [each for each in before[:10] if each.isalnum()]
    if words[:1] and words[0] in _NAMELY and "desa" in words[1:]:
        return "desa"  # "dua desa yang terparah adalah A"
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
    while words and words[0].isdigit():
        words = words[1:]
    if not words:
        return "event"
    if not _FORMER.isdisjoint(words[:4]):
        return "comparison"
    if not _MEASURED.isdisjoint(words[:6]) or ("lebih" in words[:6] and "dari" in words[:3]):
        return "comparison"
    if role := next((_FROM.get(word, "") for last, word in pairwise(words[:3]) if last == "dari"), ""):
        return role
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
        and words[0] in ("raya", "negeri", "sektor", "resor", "motor", "layar", "cepat")
        and (beside := BESIDE.get(words[1], ""))
    ):
        return "comparison" if beside == "road" and _near(words[1:]) == "comparison" else beside
    return _near(words) or "event"


def _near(words: list[str]) -> str:
    """Return the part told by a word a little further before the name, "" where there is none."""
    for word in words[:5]:
        if role := NEAR.get(word) or NEAR.get(word.removesuffix("nya")):
            return role
        if word not in _PASSED:
            break
    return ""


_IN = frozenset({"di", "ke", "wilayah", "kawasan", "daerah"})
_FROM = dict.fromkeys("mekar pemekaran pecahan dimekarkan pindah pindahan dipindahkan".split(), "comparison")
_FROM |= dict.fromkeys(("berasal", "perantau"), "home")
_NAMELY = frozenset("yakni yaitu adalah ialah meliputi antaranya lain lainnya".split())
_MEASURED = frozenset(
    """meniru mencontoh mengadopsi meneladani berguru membandingkan dibandingkan dibanding ketimbang layaknya bercermin
    berkaca menyontek menandingi menyamai""".split()
)
_FORMER = frozenset({"mantan", "eks"})
_HEADS = frozenset(
    "kepala sekretaris aparat aparatur perangkat pemerintah pemerintahan kantor balai bendahara ketua".split()
)

"""What the words before a place name say: what it is called, and what part the place plays in the matter."""

from __future__ import annotations

import re

_DESA_AFTER = re.compile(r",? (?:sebuah |salah satu )?desa (?!dan |serta |ini |itu |tersebut )\w")
TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_ABBREVIATED = frozenset("ds kec kab kp kel jl jln dsn dk lk gg prov kpg kades h hj dr ir no rt rw".split())
STOPS = frozenset(".!?;\n")
PEOPLE = frozenset({"resident", "inhabitant", "origin"})
ASIDE = frozenset({"comparison", "home", "arrest", "ship", "person", "organisation", "river", "road", "direction"})
REACH = 50  # characters before a name that say what it is and what part it plays

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
        kmp km kri kn kapal perahu feri""",
    "organisation": """
        smp smpn sma sman smk smkn sd sdn mts mtsn man ma mi tk pt cv ud bank koperasi koptan partai paguyuban
        persatuan ikatan klub fc ps komunitas sanggar grup band himpunan yayasan ponpes pesantren gapoktan bumdes
        karang hotel toko warung kedai masjid perumahan durian""",
    "office": """
        polsek kapolsek polres kapolres koramil danramil kodim dandim puskesmas rsud kua camat kades lurah pemkab
        bupati kpu bawaslu panwaslu panwascam ppk pps dprd dinas disdik bkd bpbd kejari pn babinsa bhabinkamtibmas
        sekcam sekdes korwil upt uptd kadis pemdes pemerintah aparatur satpol kapus danpos inspektorat baznas kemenag
        polisi tni petugas kepolisian pengadilan kejaksaan kajari kejati kanwil bpom imigrasi basarnas polda kapolda""",
    "person": """
        pak bapak bu sdr saudara saudari haji hj bernama dinamai dijuluki almarhum almarhumah ustaz ustadz kyai kiai
        bang mas mbah kak inisial mbak om tante cak""",
    "comparison": """
        seperti sebagaimana layaknya mirip bukan bukannya tidak tak dibanding dibandingkan ketimbang daripada meniru
        mencontoh selain kecuali ala versi""",
    "home": """
        asal kelahiran berdomisili domisili beralamat alamat bermukim berasal alumni ktp mudik pulang indekos
        merantau rantau asli rombongan kontingen kloter kesebelasan tim skuad atlet suporter peziarah""",
    "resident": """
        warga penduduk warganya pemuda pemudi petani nelayan peternak pedagang siswa emak massa
        masyarakat mahasiswa jemaah jamaah pengantin guru santri honorer tokoh keluarga ibu anak pria wanita
        perempuan lelaki remaja pelajar buruh""",
    "inhabitant": """
        orang org wong""",
    "origin": """
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
        tetanggaku pulang mudik kelahiran asal ditemui""",
    "comparison": """
        kayak kyk kek kaya laksana kira serupa beda bukan bandingkan membandingkan mantan eks pernah dulu dahulu
        sebelumnya dibanding dibandingkan ketimbang belajar studi mencontoh berbeda dipindahkan pindah mutasi pindahan
        bertugas dikelilingi bertetangga bersebelahan berbatasan berdekatan berdampingan bersebelah tetanggaan
        keberhasilan kesuksesan berkaca berguru ditiru mengadopsi diadopsi terinspirasi inspirasi rujukan acuan
        mengacu setara seindah sehebat separah seramai ibarat bak persis mengingatkan teringat halnya dialami kalah
        mengalahkan menyaingi mengungguli ungguli semacam daripada seperti banding dikira disangka""",
    "direction": """
        menyeberang berangkat bertolak dekat deket sebelah seberang jauh mau hendak menikmati""",
}
NEAR = {word: role for role, words in _NEAR.items() for word in words.split()}

# Words that tell it however many stand between, "ditangkap ketika mengisi bensin di K"; `surroundings` reads them.
TELLING = {
    word: role
    for role, words in {
        "comparison": """
            meniru mencontoh mencontohkan mengadopsi mereplikasi meneladani berguru membandingkan dibandingkan
            dibanding ketimbang layaknya bercermin berkaca menyontek menandingi menyamai menyamakan menyamakannya
            merujuk mirip contek mencontek menjiplak iri kagum teringat ingat dinikmati dialami""",
        "arrest": """
            ditangkap tertangkap dibekuk diringkus diciduk meringkus membekuk bersembunyi sembunyi menyamar penadah
            buronan menjemputnya""",
        "home": """
            berasal putra putri""",
    }.items()
    for word in words.split()
}
_PASSED = frozenset(
    """di ke dari pada dalam wilayah daerah kawasan sekitar dusun desa ds kampung kp pekon kelurahan kel kecamatan kec
    kabupaten kab kota yang terjadi itu salah satu sebuah juga oleh polisi petugas rumahnya rumah hukum halaman
    halamannya paksa pasar dengan saat kita kami yg emang memang nya kerabat kerabatnya saudaranya orangtuanya
    mertuanya temannya kekasihnya tempat kos indekos penginapan persembunyian persembunyiannya sama saya kasus
    peristiwa kejadian batas ada langsung perbatasan""".split()
)


def words_before(plain: str, start: int, floor: int = 0) -> list[str]:
    """Return the words and signs before a position, nearest first, up to `floor` or the end of the sentence before.

    >>> words_before("hujan. warga ds. ", 17)
    ['ds', 'warga']
    """
    tokens = TOKEN.findall(plain[max(floor, start - REACH) : start])
    if STOPS.isdisjoint(tokens):
        return tokens[::-1]
    found: list[str] = []
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i] not in STOPS:
            found.append(tokens[i])
        elif ends_sentence(tokens, i):
            break
    return found


def ends_sentence(tokens: list[str], at: int) -> bool:
    """Tell whether a word or sign ends a sentence: a stop that is not that of a short form, "kec. A"."""
    return tokens[at] in STOPS and not (tokens[at] == "." and at > 0 and tokens[at - 1].lower() in _ABBREVIATED)


def trigger_of(before: list[str]) -> str:
    """Return what the word right before a name calls it: desa, kecamatan, kabupaten, dusun or "".

    >>> trigger_of(["kec", ",", "bagelen"])
    'kecamatan'
    """
    word = before[0] if before else ""
    if word in (":", "-", '"', "'", "(") and len(before) > 1 and before[1] in TRIGGERS:
        word = before[1]
    if word.isdigit():  # RT 02 RW 01 Bagelen is not a hamlet's name
        return ""
    if next(filter(str.isalnum, before), "") in _NAMELY and "desa" in before[:10]:
        return "desa"  # "dua desa yang terparah adalah A"
    return TRIGGERS.get(word, "")


def trigger_after(plain: str, end: int) -> str:
    """Return what the words right behind a name call it: "A, desa hasil pemekaran" is a desa.

    >>> trigger_after("kalirejo, desa termuda", 8)
    'desa'
    """
    return "desa" if _DESA_AFTER.match(plain, end) else ""


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

    Args:
        words: as `words_before` gives them, without signs.

    >>> role_of(["desa", "asal", "pria"], "desa"), role_of(["polsek"], ""), role_of(["di", "ditangkap"], "")
    ('home', 'office', 'arrest')
    """
    words = words[:7]
    while words and words[0].isdigit():
        words = words[1:]
    if not words:
        return "event"
    if "dari" in words[:2] and (role := _FROM.get("".join(words[words.index("dari") + 1 :][:1]), "")):
        return role
    if trigger and words[0] in TRIGGERS:
        if words[0] in ("kades", "lurah", "camat", "bupati", "pemkab"):
            return "office"
        if len(words) > 1 and TRIGGERS[words[0]] != "dusun" and words[1] in _HEADS:
            return "office" if words[1] not in ("balai", "kantor", "lapangan") else "event"
        beside = BESIDE.get(words[1], "") if len(words) > 1 else ""
        if beside in ("home", "comparison", "resident", "inhabitant", "origin", "direction"):
            return beside
        if beside == "office" and trigger in ("kecamatan", "kabupaten"):
            return "office"
        return _near(words[1:]) or "event"
    beside = BESIDE.get(words[0], "") or (BESIDE.get(words[1], "") if words[0] in _BETWEEN and len(words) > 1 else "")
    if not beside:
        return _near(words) or "event"
    if beside == "organisation" and words[1:2] and words[1] in _AT:
        return "event"  # "di masjid A"
    return "comparison" if beside == "road" and _near(words[1:]) == "comparison" else beside


def _near(words: list[str]) -> str:
    """Return the part told by a word a little further before the name, "" where there is none."""
    found = ""
    for word in words[:5]:
        if role := NEAR.get(word) or (word != "tetangganya" and NEAR.get(word.removesuffix("nya"))):
            return role if not (word in _BESIDE_IT and "di" in words) else ""
        if word in _HOUSEHOLD:
            found = "inhabitant"  # unless a word before it tells more: "ditangkap di rumahnya di A"
        elif word not in _PASSED:
            break
    return found


_IN = frozenset({"di", "ke", "wilayah", "kawasan", "daerah"})
_BETWEEN = frozenset("raya negeri sektor resor motor layar cepat pendidikan kesehatan pertanian perikanan".split())
_BESIDE_IT = frozenset("bertetangga bersebelahan berbatasan berdekatan berdampingan".split())
_FROM = dict.fromkeys(
    "mekar pemekaran pecahan dimekarkan pindah pindahan dipindahkan belajar berbeda beda".split(), "comparison"
)
_FROM |= dict.fromkeys(("berasal", "perantau"), "home")
_NAMELY = frozenset("yakni yaitu adalah ialah meliputi antaranya lain lainnya".split())
_AT = frozenset("di depan dpn belakang halaman samping gedung lapangan".split())
_HOUSEHOLD = frozenset(
    "rumahnya kediamannya kampungnya desanya keluarganya mertuanya orangtuanya kerabatnya kecilnya".split()
)
_HEADS = frozenset(
    "kepala sekretaris aparat aparatur perangkat pemerintah pemerintahan kantor balai bendahara ketua".split()
)

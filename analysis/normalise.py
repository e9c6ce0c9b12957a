"""Bring a text to the form the classifier reads: who is concerned is masked, what happens is kept.

Groups, candidates, villages, institutions and gender are replaced by one stand-in of their kind, so that
swapping them cannot change a score (rule 8 of the annotation guide).
"""

from __future__ import annotations

import re

_ETHNIC = (
    "jawa lampung sunda bali bugis batak madura minang minangkabau tionghoa tionghwa cina china melayu betawi banten "
    "palembang aceh dayak ambon papua makassar manado toraja nias flores sasak banjar semendo ogan saibatin pepadun "
    "komering minahasa arab india timor ntt maluku"
)
_FAITH = (
    "islam muslim kristen katolik protestan hindu buddha budha konghucu kejawen penghayat nasrani kristiani "
    "muslimin muslimah ahmadiyah syiah nu muhammadiyah"
)
_WORSHIP = (
    "masjid mesjid mushola musala musholla mushalla musola langgar surau gereja pura vihara wihara kelenteng klenteng"
)
_CLERGY = "ustaz ustadz ustad kiai kyai pendeta pastor romo pedanda biksu bhikkhu pemangku"
_POLICE = "polres polsek polda polresta polrestabes polisi kepolisian kapolres kapolsek kapolda babinkamtibmas"
_ARMY = "kodim koramil danramil dandim babinsa"
_ELECTION = "kpu bawaslu panwaslu panwascam ppk pps kpps kpud dkpp"
_WOMAN = {
    **dict.fromkeys("bapak pak ibu bu bang kak mas mbak abang om tante teh kang".split(), "pak"),
    **dict.fromkeys("pria wanita perempuan lelaki laki-laki cewek cowok laki2".split(), "pria"),
    **dict.fromkeys("pemudi pemuda".split(), "pemuda"),
    **dict.fromkeys("remaja-putri siswi siswa".split(), "siswa"),
    **dict.fromkeys("mahasiswi mahasiswa".split(), "mahasiswa"),
}
_SLANG = {
    word: formal
    for formal, words in {
        "tidak": "gak ga nggak ngga enggak engga tdk tak ndak g gk kagak kaga ora mboten henteu teu",
        "yang": "yg sing nu sai",
        "dengan": "dgn dg",
        "sudah": "udah udh sdh dah wis khadu geus",
        "belum": "blm blom durung",
        "jangan": "jgn jngn ojo aja_ tong dang_",
        "orang": "org wong urang_ jelma ulun",
        "saya": "gw gue gua aku sy ane q kulo kuring abdi nyak",
        "kamu": "lo lu elu loe elo km kau kowe sampeyan maneh",
        "kalau": "klo kalo kl klu kalok",
        "karena": "krn karna krna gara2 gara-gara",
        "saja": "aja doang",
        "tapi": "tp tpi ning",
        "jadi": "jd jdi",
        "lagi": "lg lgi maneh_",
        "bisa": "bs bsa iso",
        "dari": "dr dri saka tina",
        "untuk": "utk u/ buat",
        "pada": "pd",
        "sama": "sm ama jama karo jeung",
        "banget": "bgt bngt bgtt banged",
        "juga": "jg jga",
        "masih": "msh",
        "dalam": "dlm",
        "bagaimana": "gmn gimana piye kumaha",
        "kenapa": "knp napa ngopo kunaon",
        "semua": "smua sm2 kabeh",
        "sampai": "smpe sampe nyampe sampek",
        "sekarang": "skrg skrng saiki ayeuna ganta",
        "kemarin": "kmrn kmren wingi kamari",
        "malam": "mlm malem bengi peuting",
        "desa": "ds",
        "jalan": "jln dalan",
        "hanya": "cuma cuman mung ukur",
        "rumah": "rmh omah imah",
        "bilang": "blg ngomong",
        "pakai": "pake pk nganggo make",
        "mau": "mo pengen arep",
        "begitu": "gitu gt",
        "ini": "iki ieu inih",
        "itu": "kuwi iku eta itu_",
        "ada": "ono ana aya wat",
        "di": "ning_ neng nang",
    }.items()
    for word in words.split()
    if not word.endswith("_")
}
_STAND_IN = {
    **_SLANG,
    **_WOMAN,
    **dict.fromkeys(_ETHNIC.split(), "jawa"),
    **dict.fromkeys(_FAITH.split(), "islam"),
    **dict.fromkeys(_WORSHIP.split(), "masjid"),
    **dict.fromkeys(_CLERGY.split(), "ustaz"),
    **dict.fromkeys(_POLICE.split(), "polisi"),
    **dict.fromkeys(_ARMY.split(), "tentara"),
    **dict.fromkeys(_ELECTION.split(), "kpu"),
}

_URL = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w+")
_PLACE = re.compile(
    r"\b([Dd]esa|DESA|[Dd]usun|DUSUN|[Pp]ekon|PEKON|[Kk]ampung|KAMPUNG|[Kk]elurahan|[Kk]ecamatan|KECAMATAN|[Kk]abupaten|"
    r"KABUPATEN|[Tt]iyuh|[Nn]agari|[Kk]ota)"
    r"(?:[ ]+[A-Z][a-z'-][\w'-]*){1,3}"
)
_SIDE = re.compile(
    r"\b(paslon|kubu|nomor urut|no(?:mor)?\.? urut|calon nomor|cabup|cakades|calon|tim|pendukung|timses|kandidat)\b"
    r"((?: (?:paslon|nomor|no\.?|urut))*) (?:0?\d|[a-d]|satu|dua|tiga|empat)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_LONG = re.compile(r"([a-z])\1{2,}")
_SYMBOL = re.compile(r"[^\w\s.,!?;:'\"()/%&-]")
_TOKEN = re.compile(r"\w+(?:-\w+)*|[^\w\s]+|\s+")
_MARKS = re.compile(r"([.,!?;:'\"()/%&-])[.,!?;:'\"()/%&-]+")
_LATIN = re.compile(r"[a-zA-Z\u00c0-\u024f]")


def normalise(text: str) -> str:
    """Return the text as the classifier reads it.

    >>> normalise("Warga Desa Sukajaya GERUDUK kantor KPU!!! 😡 https://a.id/x")
    'warga desa anu geruduk kantor kpu !'
    >>> normalise("Orang Batak dan org Bugis gak rukun") == normalise("orang Jawa dan orang Sunda tidak rukun")
    True
    >>> normalise("pendukung paslon 02") == normalise("pendukung paslon 01")
    True
    """
    text = _HANDLE.sub(" ", _URL.sub(" ", text))
    text = _SIDE.sub(r"\1\2 0", _PLACE.sub(r"\1 anu", text))
    text = _SYMBOL.sub(" ", _NUMBER.sub("0", text.lower()))
    text = _MARKS.sub(r"\1", _LONG.sub(r"\1", text).replace("_", " "))
    words = (token for token in _TOKEN.findall(text) if not token.isspace())
    return " ".join(_STAND_IN.get(word, word) for word in words)


def readable(text: str) -> bool:
    """Tell whether there is anything to score: at least one Latin letter outside links and handles.

    >>> readable("😡🔥"), readable("村民"), readable("ricuh")
    (False, False, True)
    """
    return bool(_LATIN.search(_HANDLE.sub(" ", _URL.sub(" ", text))))

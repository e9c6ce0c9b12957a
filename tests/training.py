"""A BERT so small that training it takes seconds, in exactly the form in which a hub serves one."""

from __future__ import annotations

import importlib.util
import os
import random
import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.training_data import Example

WORDS = 1000


def torch_here() -> bool:
    """Tell whether training can be tested; where REQUIRE_SYSTEM=1 says that it must, fail instead of skipping."""
    found = importlib.util.find_spec("torch") is not None
    if not found and os.environ.get("REQUIRE_SYSTEM") == "1":
        pytest.fail("REQUIRE_SYSTEM=1, but torch is missing: `make train`", pytrace=False)
    return found


needs_torch = pytest.mark.skipif(not torch_here(), reason="torch is not installed: `make train`")


@pytest.fixture(autouse=True, scope="module")
def alone() -> Iterator[None]:
    """Train the same, and in seconds, on every machine: one thread, and no sentiment sets that may lie beside."""
    if torch_here():
        import torch

        torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEJUK_NLP", os.devnull)
        yield


def simple_labels(n: int = 320) -> list[Example]:
    """Return texts of everyday words whose labels one word decides: what even a tiny network learns."""
    draw = random.Random(1)
    everyday = "warga desa pasar sawah kantor jalan pagi sore hujan kopi sekolah kerja bakti lapangan rapat".split()
    deciding = ("rukun", "jalan rusak", "saling lapor", "kepung balai", "bacok lawan")
    found = []
    for i in range(n):
        level = i % 5
        said = draw.sample(everyday, 6)
        said.insert(draw.randrange(6), deciding[level])
        act = ("cooling", "none", "none", "escalation", "escalation")[level]
        mood = "positif" if level == 0 else "negatif"
        theme = ("lain", "layanan", "pemilu", "agraria", "kriminal")[level]
        text = " ".join(said)
        found.append(Example(text, "", level, act, (theme,), mood, "post", "id", "-", "ab"[i % 2]))
    return found


def wordpiece(texts: Sequence[str]) -> Any:
    """Return a tokenizer that knows these texts' words, and letters for all others."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*special, *letters, *(f"##{c}" for c in letters), *sorted({w for t in texts for w in t.split()})[:WORDS]]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    found = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer(lowercase=True)
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found.decoder = decoders.WordPiece()
    ends = [(name, found.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    found.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return found


def tiny_bert(folder: Path, texts: Sequence[str], layers: int = 2, seed: int = 0) -> Path:
    """Write config.json, tokenizer.json and model.safetensors of a random BERT of 32 units."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokenizer = wordpiece(texts)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder

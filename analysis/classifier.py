"""Score texts: level, act, themes and sentiment, by a model folder of n-gram heads, an ONNX encoder, or both."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis import normalise as normalisation
from analysis import sentences
from analysis.errors import ModelError
from analysis.fingerprint import fingerprint
from analysis.model_folder import HEADS, OUTPUTS, PARTS, Manifest, verify
from analysis.ngrams import LinearHeads
from analysis.normalise import normalise, readable
from analysis.records import Scores, SentenceScore
from analysis.sentences import condense, joined, spans
from analysis.tension import chance, cumulative_to_levels, tension

DEFAULT = Path(__file__).parent.parent / "data" / "models" / "kecil"
TOKEN_BUDGET = 512  # padded tokens of one encoder batch: what stays in the cache; benchmarks/README.md
CHUNK = 512  # texts read, normalised and scored at once
RECENT = 50_000  # texts whose outputs are kept in memory, 72 bytes each and their key
LONG = 130  # words from which a text is condensed to title, lead and its most contentious sentences

# What is said of a text with nothing to read (empty, only emoji, links or another script): spread out, never certain.
BLANK_LEVELS = (0.5, 0.2, 0.15, 0.1, 0.05)
BLANK_ACTS = (0.8, 0.1, 0.1)
BLANK_SENTIMENT = (1 / 3, 1 / 3, 1 / 3)

# Scored where a model is exported, and again where it is verified: other processors may round int8 otherwise.
PROBES = (
    "Warga gotong royong membersihkan saluran air sebelum musim hujan",
    "Sudah tiga bulan jalan ke pasar berlubang dan belum juga diperbaiki",
    "Dua kelompok tani sama-sama mengaku pemilik lahan di tepi kali",
    "Massa menyegel balai desa dan melarang perangkat masuk",
    "Awas kalau kalian lewat sini lagi, kami tunggu dengan parang",
    "Kabar bentrokan semalam tidak benar, kedua pihak sudah berdamai",
)


Outputs = dict[bytes, NDArray[np.float32]]  # hash of title and text -> (18,) logits


class Kept(Protocol):
    """Where outputs are kept, so that no text is scored twice by one model."""

    def known(self, keys: Sequence[bytes]) -> Outputs:
        """Return the outputs that are kept of these texts."""

    def keep(self, outputs: Outputs) -> None:
        """Keep outputs."""


class Recent:
    """Outputs in memory, as many as RECENT."""

    def __init__(self) -> None:
        self._outputs: Outputs = {}

    def known(self, keys: Sequence[bytes]) -> Outputs:
        """Return the outputs that are kept of these texts."""
        return {key: self._outputs[key] for key in keys if key in self._outputs}

    def keep(self, outputs: Outputs) -> None:
        """Keep outputs; all earlier ones go where there is no room."""
        if len(self._outputs) + len(outputs) > RECENT:
            self._outputs.clear()
        self._outputs |= outputs


def reading() -> bytes:
    """Return a hash of how a text is read before it is scored: another way of reading asks for other outputs."""
    return fingerprint(normalisation, sentences, sys.modules[__name__])


class Encoder:
    """A BERT-like network on ONNX Runtime: normalised texts in, (n, 18) logits out."""

    def __init__(self, folder: Path, window: int, threads: int | None) -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self.session = onnxruntime.InferenceSession(
                folder / PARTS["encoder"], options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises its own family without a public base
            raise ModelError(f"{folder / PARTS['encoder']} cannot be loaded: {error}") from error
        width = self.session.get_outputs()[0].shape[-1]
        if width != OUTPUTS:
            raise ModelError(f"{folder / PARTS['encoder']} gives {width} outputs in place of {OUTPUTS}")
        self.inputs = {one.name for one in self.session.get_inputs()}
        self.tokenize = _tokenizer(folder, window)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, 18) float32 logits, computed in batches of like length."""
        ids = self.tokenize(texts)
        out = np.empty((len(texts), OUTPUTS), np.float32)
        for batch in _batches([len(row) for row in ids]):
            longest = len(ids[batch[-1]])
            tokens = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(tokens)
            for row, i in enumerate(batch):
                tokens[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
            out[batch] = self.session.run(None, {k: v for k, v in feed.items() if k in self.inputs})[0]
        return out


def _tokenizer(folder: Path, window: int) -> Callable[[Sequence[str]], list[list[int]]]:
    """Return a function from texts to token ids; transformers is loaded only where tokenizer.json is missing."""
    if (folder / "tokenizer.json").exists():
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
        fast.enable_truncation(window)
        fast.no_padding()
        return lambda texts: [encoding.ids for encoding in fast.encode_batch_fast(list(texts))]
    from transformers import AutoTokenizer

    slow = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    return lambda texts: [list(row) for row in slow(list(texts), truncation=True, max_length=window)["input_ids"]]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield indices in order of length, as many as fit the token budget once padded.

    >>> list(_batches([250, 3, 250, 400]))
    [[1], [0, 2], [3]]
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and ((len(batch) + 1) * lengths[i] > TOKEN_BUDGET or lengths[i] > 1.5 * lengths[batch[0]] + 8):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


class Classifier:
    """A loaded model. Make one with `Classifier.load`; it keeps what it has scored."""

    def __init__(self, manifest: Manifest, ngrams: LinearHeads | None, encoder: Encoder | None) -> None:
        self.manifest = manifest
        self.model_id = manifest.model_id
        self._ngrams, self._encoder = ngrams, encoder
        self.kept: Kept = Recent()

    @classmethod
    def load(cls, folder: Path = DEFAULT, threads: int | None = None) -> Classifier:
        """Return the classifier of a model folder, after checking its hashes.

        Args:
            folder: a model folder (`sejuk.json` and the files it names).
            threads: threads of the encoder; the cores this process may use where None.

        Raises:
            ModelError: the folder is missing, changed or does not fit; the message names the remedy.
        """
        folder = Path(folder)
        manifest = verify(folder)
        ngrams = LinearHeads.load(folder / PARTS["ngrams"]) if "ngrams" in manifest.parts else None
        encoder = Encoder(folder, manifest.window, threads) if "encoder" in manifest.parts else None
        return cls(manifest, ngrams, encoder)

    def score(
        self,
        texts: Sequence[str],
        titles: Sequence[str] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scores:
        """Return the scores of n texts.

        A text without a single Latin letter (empty, emoji, links, another script) gets the fixed, spread-out
        answer BLANK_LEVELS, BLANK_ACTS, no themes, even sentiment: there is nothing in it to be sure of.

        Args:
            texts: n texts of any length.
            titles: n headlines, "" where there is none.
            progress: called with the number of texts done since the last call.
        """
        if titles is not None and len(titles) != len(texts):
            raise ValueError(f"{len(titles)} titles for {len(texts)} texts")
        heads = titles or [""] * len(texts)
        outputs, blank = np.empty((len(texts), OUTPUTS), np.float32), np.zeros(len(texts), bool)
        for start in range(0, len(texts), CHUNK):
            part = slice(start, start + CHUNK)
            blank[part] = [not readable(f"{h} {t}") for t, h in zip(texts[part], heads[part], strict=True)]
            outputs[part] = self._outputs(texts[part], heads[part])
            if progress is not None:
                progress(len(texts[part]))
        return self._probabilities(outputs, blank)

    def sentences(self, texts: Sequence[str]) -> list[list[SentenceScore]]:
        """Return each sentence of each text with its own tension: what carried the level, for an analyst to see.

        Titles are not scored apart; an empty text has no sentences.
        """
        found = [spans(text) for text in texts]
        scores = self.score([text[a:b] for text, cuts in zip(texts, found, strict=True) for a, b in cuts])
        values = iter(tension(scores.levels).tolist())
        return [[SentenceScore(a, b, next(values)) for a, b in cuts] for cuts in found]

    def probe(self) -> list[float]:
        """Return the tension of the fixed PROBES, which an exported folder carries: `strays` compares them."""
        return [round(value, 4) for value in tension(self.score(PROBES).levels).tolist()]

    def strays(self) -> float:
        """Return how far at most the probes score from where the folder was made; 0 where it carries none."""
        known = self.manifest.facts.get("probes", [])
        return max((abs(a - b) for a, b in zip(known, self.probe(), strict=False)), default=0.0)

    def _outputs(self, texts: Sequence[str], titles: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, 18) blended logits, from the cache where the same text was scored before."""
        keys = [
            hashlib.blake2b(f"{h}\0{t}".encode("utf-8", "replace"), digest_size=16, salt=reading()).digest()
            for h, t in zip(titles, texts, strict=True)
        ]
        known = self.kept.known(keys)
        if fresh := {key: i for i, key in enumerate(keys) if key not in known}:
            new = dict(zip(fresh, self._blend([self.read(titles[i], texts[i]) for i in fresh.values()]), strict=True))
            self.kept.keep(new)
            known |= new
        return np.array([known[key] for key in keys], np.float32).reshape(-1, OUTPUTS)

    def read(self, title: str, text: str) -> tuple[str, str | None]:
        """Return what the model reads of a text, normalised: all of it; or title, lead and most contentious sentences.

        Returns: what is read, and the whole text beside it where that is more.
        """
        whole = joined(title, text)
        if len(whole) < 5 * LONG or len(whole.split()) <= LONG:
            return normalise(whole), None
        found = [text[a:b] for a, b in spans(text)][:1000]
        weight = np.zeros(len(found))
        if self._ngrams is not None and found:
            weight = self._ngrams.logits([normalise(s) for s in found])[:, 1:3].sum(1)
        kept = condense(title, found, weight.tolist(), LONG)
        return normalise(" ".join(kept.split()[: 2 * LONG])), normalise(whole)

    def _blend(self, read: Sequence[tuple[str, str | None]]) -> NDArray[np.float32]:
        """Return (n, 18) logits of what is read of each text, the parts weighed as the manifest says.

        Of a long text n-grams judge the chosen sentences and the whole alike: the chosen alone make every long article
        look tense, the whole alone none. Source: benchmarks/long_articles.py.
        """
        out = np.tile(np.array(self.manifest.bias, np.float32), (len(read), 1))
        chosen = [text for text, _ in read]
        if self._ngrams is not None and self.manifest.weights("ngrams").any():
            logits = self._ngrams.logits(chosen)
            if long := [i for i, (_, whole) in enumerate(read) if whole is not None]:
                logits[long] = (logits[long] + self._ngrams.logits([str(read[i][1]) for i in long])) / 2
            out += logits * self.manifest.weights("ngrams")
        if self._encoder is not None:
            out += self._encoder.logits(chosen) * self.manifest.weights("encoder")
        return out

    def _probabilities(self, outputs: NDArray[np.float32], blank: NDArray[np.bool_]) -> Scores:
        level, act, theme, mood = np.split(outputs, np.cumsum(HEADS)[:-1], axis=1)
        levels, acts = cumulative_to_levels(chance(level)), _softmax(act)
        themes, sentiment = chance(theme), _softmax(mood)
        levels[blank], acts[blank], themes[blank], sentiment[blank] = BLANK_LEVELS, BLANK_ACTS, 0, BLANK_SENTIMENT
        return Scores(levels, acts, themes, sentiment, self.model_id)


def _softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    found: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return found

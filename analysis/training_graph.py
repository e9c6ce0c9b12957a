"""Draw a fine-tuned BERT as an ONNX graph that computes the heads' logits and nothing else (needs onnx, not torch).

Against an export of the network as it stands: the last layer is computed for the first token alone, query, key and
value are one product, attention is one fused operator, and int8 weights (signed, one scale a channel; the embedding one
scale a row) are multiplied by onnxruntime's DynamicQuantizeMatMul, which rounds activations batch by batch. The
layer norm stays apart from the sum before it: onnxruntime 1.32's fused form of the two is six times slower on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.model_folder import OUTPUTS

Tensors = Mapping[str, NDArray[np.float32]]
FUSED = "com.microsoft"
PREFIX = {"bert": "bert.", "roberta": "roberta.", "xlm-roberta": "roberta."}
ACTIVATIONS = {"gelu": "Gelu", "gelu_new": "FastGelu", "gelu_fast": "FastGelu", "gelu_pytorch_tanh": "FastGelu"}
APART = 1_500_000_000  # bytes of weights from which they lie in a file beside the graph: protobuf ends at 2 GB


class Graph:
    """Nodes and constants of one graph; every method returns the name of what it computed."""

    def __init__(self, tensors: Tensors, prefix: str, int8: bool) -> None:
        self.tensors, self.prefix, self.int8 = tensors, prefix, int8
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def weight(self, name: str) -> NDArray[np.float32]:
        """Return a tensor of the encoder as float32.

        Raises: ModelError where it is missing.
        """
        try:
            return np.asarray(self.tensors[self.prefix + name], np.float32)
        except KeyError as error:
            raise ModelError(f"model.safetensors holds no {error}: not a network that can be exported") from error

    def constant(self, name: str, value: Any) -> str:
        """Keep a constant under its name."""
        from onnx import numpy_helper

        self.constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def add(self, kind: str, inputs: list[str], out: str | list[str], domain: str = "", **attributes: Any) -> str:
        """Add a node; return its (first) output."""
        from onnx import helper

        outs = [out] if isinstance(out, str) else out
        self.nodes.append(helper.make_node(kind, inputs, outs, domain=domain, **attributes))
        return outs[0]

    def linear(self, x: str, names: list[str], out: str) -> str:
        """Multiply by one or more dense layers side by side."""
        weight = np.concatenate([self.weight(f"{name}.weight") for name in names])
        bias = self.constant(f"{out}.bias", np.concatenate([self.weight(f"{name}.bias") for name in names]))
        if not self.int8:
            product = self.add("MatMul", [x, self.constant(f"{out}.weight", weight.T)], f"{out}.product")
            return self.add("Add", [product, bias], out)
        scale, rounded = quantised(weight)
        whole = self.constant(f"{out}.weight", rounded.T)
        inputs = [x, whole, self.constant(f"{out}.scale", scale), "", bias]
        return self.add("DynamicQuantizeMatMul", inputs, out, FUSED)

    def norm(self, x: str, name: str, out: str, epsilon: float) -> str:
        """Normalise over the units."""
        gain = self.constant(f"{out}.gain", self.weight(f"{name}.weight"))
        shift = self.constant(f"{out}.shift", self.weight(f"{name}.bias"))
        return self.add("LayerNormalization", [x, gain, shift], out, axis=-1, epsilon=epsilon)


def quantised(weight: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return one scale a row, and the rows as signed bytes.

    >>> scale, rounded = quantised(np.array([[1.27, -0.5]], np.float32))
    >>> rounded.tolist()
    [[127, -50]]
    """
    scale = np.maximum(np.abs(weight).max(axis=1), 1e-9) / 127
    return scale.astype(np.float32), np.round(weight / scale[:, None]).astype(np.int8)


def draw(config: Mapping[str, Any], tensors: Tensors, path: Path, int8: bool) -> None:
    """Write the graph: input_ids and attention_mask (texts, tokens) int64 -> logits (texts, 18) float32.

    Args:
        config: config.json of the trained folder.
        tensors: its model.safetensors.

    Raises: ModelError where the network is of a kind that is not known here.
    """
    kind, act = config["model_type"], config.get("hidden_act", "gelu")
    if kind not in PREFIX or act not in ACTIVATIONS:
        raise ModelError(f"a {kind} with {act} cannot be exported: {', '.join(PREFIX)} with gelu can")
    graph = Graph(tensors, PREFIX[kind], int8)
    epsilon = float(config.get("layer_norm_eps", 1e-12))
    x = _embed(graph, config, epsilon)
    graph.add("Cast", ["attention_mask"], "mask", to=6)
    last = int(config["num_hidden_layers"]) - 1
    for number in range(last + 1):
        x = _layer(graph, x, number, number == last, int(config["num_attention_heads"]), ACTIVATIONS[act], epsilon)
    _heads(graph, x, kind)
    _save(graph, path)


def _embed(graph: Graph, config: Mapping[str, Any], epsilon: float) -> str:
    words = graph.weight("embeddings.word_embeddings.weight")
    if graph.int8:
        scale, rounded = quantised(words)
        graph.add("Gather", [graph.constant("words", rounded), "input_ids"], "words.rounded")
        graph.add("Cast", ["words.rounded"], "words.float", to=1)
        graph.add("Gather", [graph.constant("words.scale", scale[:, None]), "input_ids"], "words.scales")
        found = graph.add("Mul", ["words.float", "words.scales"], "words.found")
    else:
        found = graph.add("Gather", [graph.constant("words", words), "input_ids"], "words.found")
    first = 0 if config["model_type"] == "bert" else int(config["pad_token_id"]) + 1
    places = graph.weight("embeddings.position_embeddings.weight")[first:]
    places = places + graph.weight("embeddings.token_type_embeddings.weight")[0]
    graph.add("Shape", ["input_ids"], "tokens", start=1, end=2)
    graph.add("Slice", [graph.constant("places", places), graph.constant("zero", [0]), "tokens"], "places.read")
    graph.add("Add", [found, "places.read"], "embedded")
    return graph.norm("embedded", "embeddings.LayerNorm", "layer0", epsilon)


def _layer(graph: Graph, x: str, number: int, last: bool, heads: int, act: str, epsilon: float) -> str:
    """Add one layer; of the last only the first token is computed."""
    name, at = f"encoder.layer.{number}", f"layer{number}"
    query, key, value = (f"{name}.attention.self.{part}" for part in ("query", "key", "value"))
    parts = [f"{at}.query", f"{at}.key", f"{at}.value"]
    if last:
        both = graph.linear(x, [key, value], f"{at}.key_value")
        graph.add("Split", [both], parts[1:], axis=2, num_outputs=2)
        one = graph.constant("one", [1])
        x = graph.add("Slice", [x, "zero", one, one], f"{at}.first")
        graph.linear(x, [query], parts[0])
    else:
        graph.add("Split", [graph.linear(x, [query, key, value], f"{at}.all")], parts, axis=2, num_outputs=3)
    seen = graph.add("MultiHeadAttention", [*parts, "", "mask"], f"{at}.seen", FUSED, num_heads=heads)
    seen = graph.linear(seen, [f"{name}.attention.output.dense"], f"{at}.attended")
    x = graph.add("Add", [seen, x], f"{at}.sum")
    x = graph.norm(x, f"{name}.attention.output.LayerNorm", f"{at}.middle", epsilon)
    wide = graph.linear(x, [f"{name}.intermediate.dense"], f"{at}.wide")
    wide = graph.add(act, [wide], f"{at}.active", FUSED)
    back = graph.add("Add", [graph.linear(wide, [f"{name}.output.dense"], f"{at}.narrow"), x], f"{at}.sum2")
    return graph.norm(back, f"{name}.output.LayerNorm", f"layer{number + 1}", epsilon)


def _heads(graph: Graph, x: str, kind: str) -> None:
    """Add pooler and heads on the first token, in float: 18 outputs cost nothing."""
    graph.add("Squeeze", [x, "one"], "first")
    prefix, graph.prefix = graph.prefix, ""
    dense, out = (
        (f"{prefix}pooler.dense", "classifier") if kind == "bert" else ("classifier.dense", "classifier.out_proj")
    )
    for name, source, result in ((dense, "first", "dense"), (out, "pooled", "logits")):
        weight = graph.constant(f"{result}.weight", graph.weight(f"{name}.weight"))
        bias = graph.constant(f"{result}.bias", graph.weight(f"{name}.bias"))
        graph.add("Gemm", [source, weight, bias], result, transB=1)
        if result == "dense":
            graph.add("Tanh", ["dense"], "pooled")


def _save(graph: Graph, path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", OUTPUTS])]
    whole = helper.make_graph(graph.nodes, "sejuk", inputs, outputs, list(graph.constants.values()))
    versions = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
    model = helper.make_model(whole, opset_imports=versions, ir_version=9)
    size = sum(len(constant.raw_data) for constant in graph.constants.values())
    beside = f"{path.name}.data"
    path.with_name(beside).unlink(missing_ok=True)  # onnx appends to what is there
    onnx.save_model(model, path, save_as_external_data=size > APART, location=beside)

"""A model as an ONNX file for the browser, with weights in half precision or as whole numbers of eight bits."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from qalens.browser.steps import steps_of
from qalens.errors import InputError, MissingExtraError, ModelError, shown
from qalens.models.model import QAModel

Weights = Literal["int8", "float16"]
_OPSET = 21  # the first whose DequantizeLinear knows blocks
_SMALL = 4096  # numbers; biases and norms stay as they are
_FINER = 5  # into how many parts each step is divided where errors count most


def onnx_bytes(model: QAModel, names: Sequence[str], weights: Weights = "int8") -> bytes:
    """Write a model as ONNX, computed in float32 from smaller weights.

    Parameters
    ----------
    model
        The model in float32 and on the CPU.
    names
        Its inputs, each (B, T): "input_ids", "attention_mask" and, where it takes them, "token_type_ids".
    weights
        "int8": blocks of 128 weights of one output as 255 steps; where that rounds, with each step in five parts in the first
        half of the matrices, whose errors go through all layers after them. "float16": each weight as a half-precision
        number. Either way nothing but rounding of weights changes, and those of the bundled checkpoint are whole steps.

    Raises
    ------
    MissingExtraError
        Where onnx or onnxscript are not installed.
    ModelError
        For a model that cannot be exported.
    """
    if weights not in ("int8", "float16"):
        raise InputError(f'weights has to be "int8" or "float16", but is {shown(weights)}.')
    try:
        import onnx
        import onnxscript  # noqa: F401 -- what torch exports with
    except ImportError as error:
        raise MissingExtraError(
            "A page with a reader needs the extra page, which is not installed: pip install 'qalens[page]'"
        ) from error
    proto = onnx.load_from_string(_exported(model, names))
    graph = proto.graph
    multiplied = _multiplied(graph)
    early = set(multiplied[: len(multiplied) // 2])
    for tensor in list(graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim != 2 or values.size <= _SMALL:
            continue
        graph.initializer.remove(tensor)
        if weights == "float16":
            _put_half(onnx, graph, tensor.name, values)
        else:
            along = 0 if tensor.name in multiplied else 1
            _put_steps(onnx, graph, tensor.name, values, along, finer=tensor.name in early)
    return proto.SerializeToString()


def _multiplied(graph: Any) -> list[str]:
    """The matrices that something is multiplied by, (inputs, outputs), in the order of the computation."""
    stored = {tensor.name for tensor in graph.initializer}
    products = (node for node in graph.node if node.op_type == "MatMul")
    return list(dict.fromkeys(name for node in products for name in node.input if name in stored))


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Nothing below an error is logged: the exporter tells of every package that it knows and does not find."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _exported(model: QAModel, names: Sequence[str]) -> bytes:
    import torch

    module = _logits_alone(model.plain, tuple(names))
    given = tuple(torch.ones(2, 9, dtype=torch.int64) for _ in names)
    sizes = {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("tokens", min=2, max=4096)}
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(), _quiet("torch.onnx"):
            warnings.simplefilter("ignore")  # of the exporter about itself
            program: Any = torch.onnx.export(  # the annotations of torch know no file in memory
                module,
                given,
                dynamo=True,
                dynamic_shapes=(tuple(sizes for _ in names),),
                input_names=list(names),
                output_names=["start", "end"],
                opset_version=_OPSET,
                verbose=False,
            )
        program.save(file)
    except Exception as error:
        raise ModelError(
            f"{type(model.module).__name__} cannot be written as ONNX: {error!s:.300}"
        ) from error
    return file.getvalue()


def _logits_alone(module: Any, names: tuple[str, ...]) -> Any:
    """The module with its inputs in a row, and start and end logits as its only outputs."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *given: Any) -> tuple[Any, Any]:
            out = self.inner(**dict(zip(names, given, strict=True)))
            return out.start_logits, out.end_logits

    return Logits().eval()


def _put_half(onnx: Any, graph: Any, name: str, values: np.ndarray) -> None:
    """A matrix in half precision, and a node that makes float32 of it."""
    graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
    graph.node.insert(0, onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))


def _put_steps(onnx: Any, graph: Any, name: str, values: np.ndarray, along: int, *, finer: bool) -> None:
    """A matrix as whole steps of a scale for each block of its axis `along`, and nodes that make float32 of it."""
    rows = values if along == 1 else values.T
    steps, scale = steps_of(rows)
    size = rows.shape[1] // scale.shape[1]
    rest = rows - steps * scale.repeat(size, axis=1)
    parts = [(name, steps, scale)]
    if finer and rest.any():
        fine = scale / np.float32(_FINER)
        rounded = np.rint(rest / fine.repeat(size, axis=1)).astype(np.int8)
        parts = [(f"{name}.coarse", steps, scale), (f"{name}.fine", rounded, fine)]
        graph.node.insert(0, onnx.helper.make_node("Add", [part for part, *_ in parts], [name]))
    for part, whole, unit in parts:
        kept = [array if along == 1 else array.T.copy() for array in (whole, unit)]
        inputs = [f"{part}.steps", f"{part}.scale"]
        graph.initializer.extend(map(onnx.numpy_helper.from_array, kept, inputs))
        node = onnx.helper.make_node("DequantizeLinear", inputs, [part], axis=along, block_size=size)
        graph.node.insert(0, node)

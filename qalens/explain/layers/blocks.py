"""The blocks that a transformer is a stack of: what each of them gets and gives, and passes in which some are skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch

from qalens.errors import ModelError
from qalens.models.model import QAModel


def find_blocks(model: QAModel) -> tuple[torch.nn.Module, ...]:
    """The blocks of a transformer, in order: its only `ModuleList` of equal modules.

    ALBERT has one block that runs many times.

    Parameters
    ----------
    model : QAModel
        The model.

    Returns
    -------
    tuple of torch.nn.Module

    Raises
    ------
    ModelError
        For a model without such a list, or with several.

    Examples
    --------
    >>> from qalens.testing import toy_model
    >>> [type(block).__name__ for block in find_blocks(QAModel(toy_model()))]
    ['BertLayer', 'BertLayer']
    """
    lists = {
        name: part for name, part in model.plain.named_modules() if isinstance(part, torch.nn.ModuleList)
    }
    stacks = {name: tuple(blocks) for name, blocks in lists.items() if _is_stack(blocks)}
    outer = [name for name in stacks if not any(name.startswith(f"{other}.") for other in stacks)]
    if len(outer) != 1:
        found = f"{len(outer)} such lists ({', '.join(outer)})" if outer else "no such list"
        raise ModelError(
            f"{model.name} has no layers that can be told apart: qalens looks for one torch.nn.ModuleList of equal "
            f"blocks, each with parts of its own, and {type(model.plain).__name__} has {found}."
        )
    return stacks[outer[0]]


def _is_stack(blocks: torch.nn.ModuleList) -> bool:
    return len({type(block) for block in blocks}) == 1 and all(any(block.children()) for block in blocks)


@dataclass(slots=True)
class BlockCalls:
    """The inputs and outputs of the blocks in one pass of a model, call by call.

    Attributes
    ----------
    given : list of object
        The hidden states that each call received.
    gave : list of object
        What each call returned: hidden states, or a tuple that begins with them.
    """

    given: list[Any] = field(default_factory=list)
    gave: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        """How many calls there were: the layers of the model."""
        return len(self.gave)


def hidden(gave: Any) -> Any:
    """The hidden states in the output of a block.

    Parameters
    ----------
    gave : object
        The output.

    Returns
    -------
    object
    """
    return gave[0] if isinstance(gave, tuple) else gave


def with_hidden(gave: Any, states: torch.Tensor) -> Any:
    """The output of a block with other hidden states in it.

    Parameters
    ----------
    gave : object
        The output.
    states : torch.Tensor
        The hidden states.

    Returns
    -------
    object
    """
    return (states, *gave[1:]) if isinstance(gave, tuple) else states


@contextmanager
def watched(model: QAModel, blocks: Sequence[torch.nn.Module]) -> Iterator[BlockCalls]:
    """Record the blocks during one pass of the model.

    Parameters
    ----------
    model : QAModel
        The model.
    blocks : sequence of torch.nn.Module
        Its blocks.

    Raises
    ------
    ModelError
        If no block was called, or hidden states changed their shape between blocks.
    """
    calls = BlockCalls()

    def before(_: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls.given.append(args[0] if args else named.get("hidden_states"))

    def after(_: Any, args: tuple[Any, ...], gave: Any) -> None:
        calls.gave.append(gave)

    with ExitStack() as stack:
        for block in dict.fromkeys(blocks):
            stack.callback(block.register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(block.register_forward_hook(after).remove)
        yield calls
    shapes = {tuple(getattr(h, "shape", ())) for h in (*calls.given, *map(hidden, calls.gave))}
    if len(shapes) != 1 or () in shapes:
        raise ModelError(
            f"{model.name} does not hand hidden states of one shape from block to block: {len(calls)} calls of "
            f"{type(blocks[0]).__name__}, with the shapes {sorted(shapes)}. Its layers cannot be compared."
        )


@contextmanager
def skipped(blocks: Sequence[torch.nn.Module], n: int, gives: Any) -> Iterator[None]:
    """Skip the first calls of blocks while the context is open, so that the rest of a pass can be run alone.

    Parameters
    ----------
    blocks : sequence of torch.nn.Module
        The blocks.
    n : int
        The number of calls.
    gives : object
        What these calls return.
    """
    call = count()

    def standing_in(own: Any) -> Any:
        return lambda *args, **named: gives if next(call) < n else own(*args, **named)

    # A hook could only change what a block has already computed.
    with ExitStack() as stack:
        for block in dict.fromkeys(blocks):
            stack.callback(_set_forward, block, vars(block).get("forward"))
            _set_forward(block, standing_in(block.forward))
        yield


def _set_forward(block: torch.nn.Module, forward: Any) -> None:
    if forward is None:
        del block.forward  # that of its class shows again
    else:
        block.forward = forward

"""Modules around a model that compute the same as it: compiled, or spread over devices."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.parallel import DataParallel, DistributedDataParallel


def unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """The module inside `torch.compile`, `DataParallel` and `DistributedDataParallel`.

    It computes the same, its parts have names, and hooks can be attached to them.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    torch.nn.Module

    Examples
    --------
    >>> inner = torch.nn.Linear(2, 2)
    >>> unwrapped(torch.nn.DataParallel(inner)) is inner
    True
    """
    while (inner := _inside(module)) is not None:
        module = inner
    return module


def _inside(module: torch.nn.Module) -> torch.nn.Module | None:
    if isinstance(module, DataParallel | DistributedDataParallel):
        return module.module
    if "_orig_mod" in module._modules:  # torch.compile
        return module._modules["_orig_mod"]
    # A PeftModel is none of these: its own forward adds learned prompts, and leaves segments out.
    return None


def is_compiled(module: torch.nn.Module) -> bool:
    """Whether `torch.compile` or `module.compile()` changed how the module, or a part of it, is called.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    bool
    """
    return any(
        "_orig_mod" in part._modules or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )


def uncompiled(module: torch.nn.Module) -> AbstractContextManager[Any]:
    """Run compiled parts as the Python code that they were compiled from, which hooks require.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    AbstractContextManager of object
    """
    return torch.compiler.set_stance("force_eager") if is_compiled(module) else nullcontext()


def inputs_of(module: torch.nn.Module) -> frozenset[str] | None:
    """The names of the arguments of `forward`.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    frozenset of str or None
        None if it accepts any.

    Examples
    --------
    >>> inputs_of(torch.nn.Linear(2, 2))
    frozenset({'input'})
    """
    try:
        parameters = inspect.signature(module.forward).parameters
    except (TypeError, ValueError):  # what was scripted has no signature
        return None
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return None if anything else frozenset(parameters)

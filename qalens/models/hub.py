"""Where a checkpoint comes from: the bundled one, a folder, or the model hub, and what to say where it does not come."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from qalens.errors import InputError, ModelError, shown

BUNDLED = Path(__file__).parent.parent / "checkpoints" / "minilm-squad2"
# Seconds that the hub has to answer anything.
_PATIENCE = 5


def checkpoint_source(name: str | Path | None) -> str:
    """A folder or a hub name as transformers expects it.

    Parameters
    ----------
    name : str, Path or None
        A path, a hub name, or None for the bundled checkpoint.

    Returns
    -------
    str

    Raises
    ------
    InputError
        For anything but a non-empty str or a path.
    ModelError
        For a path that does not exist, as opposed to a hub name.
    """
    if name is None:
        return str(BUNDLED)
    if not isinstance(name, str | Path) or not str(name):
        raise InputError(f"A checkpoint is a hub name or a folder, but got {shown(name)}.")
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            _check_folder(path)
            return str(path)
    except (
        OSError,
        RuntimeError,
    ) as error:  # a name that is too long, a folder that may not be read, ~ of nobody
        raise ModelError(
            f"There is no folder {shown(str(name))} that can be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    # A hub name is "name" or "owner/name"; what holds a backslash or a colon is a path of Windows.
    text = str(name)
    if (
        isinstance(name, Path)
        or text.startswith((".", "/", "~"))
        or text.count("/") > 1
        or set(text) & set("\\:")
    ):
        raise ModelError(
            f"There is no folder {path}; a checkpoint is a folder with config.json, or a hub name."
        )
    return str(name)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds no checkpoint, with what it holds; transformers would talk of tokenizers."""
    if (folder / "config.json").is_file():
        return
    held = sorted(file.name for file in folder.iterdir())
    inside = next((file for file in held if (folder / file / "config.json").is_file()), None)
    hint = f" There is one in {folder / inside}." if inside else ""
    raise ModelError(
        f"{folder} is no checkpoint: it has no config.json, but {', '.join(held[:5]) or 'nothing'}. A checkpoint is a folder as "
        f"model.save_pretrained(folder) and tokenizer.save_pretrained(folder) write it.{hint}"
    )


def hub_fault() -> str | None:
    """Why the model hub cannot be reached, found within five seconds.

    It is requested once, over the connection of the hub's own client with its proxies and certificates. The client's
    calls for files would retry for most of a minute.

    Returns
    -------
    str or None
        None if the hub responds.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    # A thread, since looking a name up and trying its addresses in turn know no limit together.
    told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=lambda: told.put(_fault(constants.ENDPOINT)), daemon=True).start()
    try:
        return told.get(timeout=_PATIENCE)
    except queue.Empty:
        return f"{constants.ENDPOINT} gave no answer within {_PATIENCE} seconds"


def _fault(address: str) -> str | None:
    """What went wrong when an address was asked for its head; any answer at all is none."""
    from huggingface_hub.utils import get_session

    try:
        get_session().head(address, timeout=_PATIENCE)
    except Exception as error:  # the client has exceptions of its own, others in each version
        return f"{address}: {type(error).__name__}: {error}"
    return None


def loading_error(
    named: str, source: str, weights: str, error: BaseException, unreachable: str | None = None
) -> ModelError:
    """Say what a user can do about an error of the loaders.

    Parameters
    ----------
    named : str
        The name of the checkpoint in messages.
    source : str
        The folder or the hub name.
    weights : str
        "safetensors" or "pickle".
    error : BaseException
        What was raised.
    unreachable : str or None, default None
        Why the hub cannot be reached, or None.

    Returns
    -------
    ModelError
    """
    reason = " ".join(str(error).split())
    if "trust_remote_code" in reason or "custom code" in reason:
        return ModelError(
            f"{named} needs Python code that comes with the checkpoint, and qalens never runs such code. If you trust "
            "it, load the model yourself and hand the objects to qalens.Reader(model, tokenizer)."
        )
    if weights == "safetensors" and ("safetensors" in reason or "pickle" in reason):
        return ModelError(
            f"{named} has no safetensors weights. Pickled weights can hold code and are only read when asked for by "
            f'name: qalens.load({named!r}, weights="pickle"). ({reason:.200})'
        )
    if not Path(source).is_dir() and _is_unreachable(error):
        return ModelError(
            f"{named} is not in the local cache and the model hub cannot be reached. What works offline: "
            "qalens.load() with the bundled checkpoint, qalens.load(folder) with a checkpoint on disk, and hub names "
            f"that were loaded before on this machine. ({unreachable or f'{type(error).__name__}: {reason:.200}'})"
        )
    asked = "" if unreachable is None else f" The model hub could not be asked ({unreachable})."
    return ModelError(f"{named} cannot be loaded: {type(error).__name__}: {reason:.400}{asked}")


def _is_unreachable(error: BaseException | None) -> bool:
    while error is not None:
        text = f"{type(error).__name__} {error}".lower()
        if any(s in text for s in ("connect", "offline", "timeout", "localentrynotfound", "name resolution")):
            return True
        error = error.__cause__ or error.__context__
    return False

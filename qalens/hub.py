"""Where a checkpoint comes from: the bundled one, a folder, or the model hub, and what to say where it does not come."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path

from qalens.errors import InputError, ModelError

BUNDLED = Path(__file__).parent / "checkpoints" / "minilm-squad2"


def checkpoint_source(name: str | Path | None) -> str:
    """A folder or a hub name as transformers takes it; a path that does not exist is told from a hub name."""
    if name is None:
        return str(BUNDLED)
    if not isinstance(name, str | Path) or not str(name):
        raise InputError(f"A checkpoint is a hub name or a folder, but got {name!r}.")
    path = Path(name).expanduser()
    if path.is_dir():
        return str(path)
    if isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1:
        raise ModelError(
            f"There is no folder {path}; a checkpoint is a folder with config.json, or a hub name."
        )
    return str(name)


def hub_answers() -> bool:
    """Whether the model hub can be reached, as far as a short wait tells."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=3).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        # A certificate that Python does not know may be known to the hub's own client.
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False
    return True


def loading_error(shown: str, source: str, weights: str, error: Exception) -> ModelError:
    """What a user can do about an error of the loaders; `shown` is the name of the checkpoint in messages."""
    reason = " ".join(str(error).split())
    if "trust_remote_code" in reason or "custom code" in reason:
        return ModelError(
            f"{shown} needs Python code that comes with the checkpoint, and qalens never runs such code. If you trust "
            "it, load the model yourself and hand the objects to qalens.Reader(model, tokenizer)."
        )
    if weights == "safetensors" and ("safetensors" in reason or "pickle" in reason):
        return ModelError(
            f"{shown} has no safetensors weights. Pickled weights can hold code and are only read when asked for by "
            f'name: qalens.load({shown!r}, weights="pickle"). ({reason:.200})'
        )
    if not Path(source).is_dir() and _is_unreachable(error):
        return ModelError(
            f"{shown} is not in the local cache and the model hub cannot be reached. What works offline: "
            "qalens.load() with the bundled checkpoint, qalens.load(folder) with a checkpoint on disk, and hub names "
            f"that were loaded before on this machine. ({type(error).__name__}: {reason:.200})"
        )
    return ModelError(f"{shown} cannot be loaded: {type(error).__name__}: {reason:.400}")


def _is_unreachable(error: BaseException | None) -> bool:
    while error is not None:
        text = f"{type(error).__name__} {error}".lower()
        if any(s in text for s in ("connect", "offline", "timeout", "localentrynotfound", "name resolution")):
            return True
        error = error.__cause__ or error.__context__
    return False

"""One HTML file that reads: the model, its tokenizer and the page around them, opened from a disk without a network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.resources
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qalens.browser.letters import letters
from qalens.browser.onnx_model import Weights, onnx_bytes
from qalens.browser.tables import pair_template, tokenizer_tables
from qalens.display.html.element import element, join
from qalens.errors import InputError, shown
from qalens.files import as_path, written
from qalens.text.examples import Example, check_text
from qalens.text.pair_tokenizer import PairTokenizer
from qalens.widgets.bundle import script_text, style_text

if TYPE_CHECKING:
    from qalens.reader import Reader

MOST_PARAMETERS = 60_000_000
# Our modules, each after those that it imports: what the worker runs, and what the page itself does.
_WORKER = (
    "widgets/js/numbers",
    "widgets/js/words",
    *(f"browser/js/{name}" for name in ("tokenizer", "windows", "distribution", "views", "worker")),
)
_PAGE = ("widgets/js/dom", "widgets/js/numbers", "browser/js/decision", "browser/js/playground")
_EXPLORERS = {"spanExplorer": "span_explorer", "noAnswerExplorer": "no_answer_explorer"}
_LINK = re.compile(r'^import \{[^}]*\} from "[./a-z_]+\.js";$', re.M)
_EXPORT = re.compile(r"^export ", re.M)
_ROUNDED = {
    "int8": "Weights have 255 steps; where the checkpoint had more, null margins are off by hundredths of a logit, now and then by tenths.",
    "float16": "Weights are rounded to half precision.",
}


def page(
    reader: Reader,
    path: str | Path,
    *,
    examples: Iterable[Example | tuple[str, str]] = (),
    weights: Weights = "int8",
    licence: str | None = None,
) -> Path:
    """Write a reader into one HTML file that answers questions by itself.

    It opens from a disk, in a current Chromium or Firefox, and asks for nothing: a policy in the file forbids every request.
    Whoever gets it can type a question and a text, and sees the explorers of spans and of no answer; can move the threshold,
    keep a reading to compare with, and leave out one sentence after the other. All of it is computed in the page, by the
    same arithmetic as here.

    Parameters
    ----------
    reader
        On the CPU and in float32, with a WordPiece tokenizer of the BERT family or a byte-level BPE of the GPT-2 family. Its
        `max_length`, `max_answer_length` and threshold are those of the page.
    path
        The file to write; what stood there stays until the new file is whole.
    examples
        Questions and texts to press on; the first one is read when the page opens. None takes two of our own.
    weights
        "int8" (default), exact for the bundled checkpoint, or "float16", which is nearly twice as large and hardly rounds.
    licence
        What the page says of the model's licence; None says that of the bundled checkpoint, or that it is not known.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    InputError
        For a tokenizer that the page cannot read, for a model of over 60 million parameters, for a threshold that is not
        finite, and for examples that are none.
    MissingExtraError
        Where the extra `page` is not installed.

    Examples
    --------
    >>> import qalens
    >>> qalens.page(qalens.load(), "ask.html", examples=[("Who kept it?", "Ada kept the lamp.")])  # doctest: +SKIP
    PosixPath('ask.html')
    """
    target = as_path(path, "The page")
    size = sum(weight.numel() for weight in reader.model.plain.parameters())
    if size > MOST_PARAMETERS:
        raise InputError(
            f"{reader.model.name} has {size / 1e6:,.0f} million parameters; a page would be some "
            f"{size * (1.4 if weights == 'int8' else 2.4) / 1e6:,.0f} MB, and a browser takes minutes to open it. Up to "
            f"{MOST_PARAMETERS / 1e6:,.0f} million can be written."
        )
    pairs = PairTokenizer(reader.tokenizer)
    if pairs.null_id is None:
        raise InputError(f"The page shows answers and no answer, but {reader.model.name} has no null token.")
    if not math.isfinite(reader.threshold):
        raise InputError(
            f"The page moves a finite threshold, but that of the reader is {reader.threshold}; see Reader.with_threshold."
        )
    segments = pairs.has_segments and reader.model.takes("token_type_ids")
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    facts = {
        "tables": tokenizer_tables(pairs),
        "template": pair_template(pairs),
        "segments": segments,
        "maxLength": reader.max_length,
        "stride": reader.stride,
        "longest": reader.max_answer_length,
        "threshold": reader.threshold,
        "examples": [_example(one) for one in [*examples] or _OWN],
    }
    parts = {
        "facts-data": json.dumps(facts, ensure_ascii=False, allow_nan=False).encode("utf-8"),
        "worker": worker_script().encode("utf-8"),
        "model": onnx_bytes(reader.model, names, weights),
    }
    packed = {name: gzip.compress(part, 9, mtime=0) for name, part in parts.items()}
    packed["wasm"] = _vendored("ort-wasm-simd-threaded.wasm.gz")
    said = licence or ("Apache-2.0" if reader.model.name.startswith("minilm-squad2") else "not known")
    text = _page_text(reader.model.name, said, _ROUNDED[weights], packed)
    with written(target) as file:
        file.write(text.encode("utf-8"))
    return target


_STORY = (
    "The lighthouse on Skerry Head was built in 1843 by the Marlow brothers, two engineers who had never seen the sea. In the "
    "winter of 1902 a storm tore away its upper gallery, and the keeper, John Harper, rebuilt it himself with oak from a "
    "wrecked ship. The county sent Ellen Reed to inspect the work the following spring."
)
_OWN = (
    Example("Who rebuilt the upper gallery?", _STORY),
    Example("How much did the lighthouse cost?", _STORY),
)


def worker_script() -> str:
    """What the worker runs: the runtime, and our modules, each after those that it imports, as one classic script.

    A page that was opened from a disk can start no module worker, and its workers can import nothing.
    """
    return "\n".join([_runtime(), _joined(_WORKER)])


def page_script() -> str:
    """What the page runs: both explorers, each with all that it needs in a scope of its own, and our modules."""
    explorers = [
        f"const {name} = (() => {{\n{script_text(module)}\nreturn {{ draw, stillModel, fitFrame }};\n}})();"
        for name, module in _EXPLORERS.items()
    ]
    return "\n".join([*explorers, _joined(_PAGE)])


def _joined(modules: Iterable[str]) -> str:
    """Modules as one script without imports."""
    return "\n".join(_EXPORT.sub("", _LINK.sub("", _source(f"{name}.js"))) for name in modules)


def _runtime() -> str:
    """onnxruntime-web's module as a script that leaves its names in `runtime`."""
    packed = gzip.decompress(_vendored("ort.wasm.bundle.min.mjs.gz"))
    code, _, exported = packed.decode("utf-8").rpartition("export{")
    names = (pair.split(" as ") for pair in exported[: exported.index("}")].split(","))
    found = ", ".join(f"{given}: {name}" for name, given in names)
    return f"const runtime = (() => {{\n{code.replace('import.meta.url', 'self.location.href')}\nreturn {{ {found} }};\n}})();"


def _vendored(name: str) -> bytes:
    return (importlib.resources.files("qalens.browser") / "vendor" / name).read_bytes()


def _source(name: str) -> str:
    return (importlib.resources.files("qalens") / name).read_text("utf-8")


def _example(given: Any) -> Mapping[str, str]:
    if isinstance(given, Example):
        given = (given.question, given.context)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(
            f"An example of a page is an Example or a pair of question and text, but got {shown(given)}."
        )
    question, context = check_text(given[0], "question"), check_text(given[1], "context")
    label = question if len(question) <= 60 else f"{question[:59]}…"
    return {"label": label, "question": question, "context": context}


def _page_text(name: str, licence: str, rounded: str, packed: Mapping[str, bytes]) -> str:
    script = page_script()
    style = "\n".join([*map(style_text, _EXPLORERS.values()), _source("browser/js/playground.css")])
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}' 'wasm-unsafe-eval' blob:",
            "worker-src blob:",
            f"style-src '{_digest(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    facts = (
        f"Model {name} (licence: {licence}). {rounded} Run by onnxruntime-web (MIT), made with qalens (Apache-2.0). "
        "Nothing that you type leaves this page."
    )
    data = "\n".join(
        f'<script type="text/plain" id="{part}" data-bytes="{len(content)}">{letters(content)}</script>'
        for part, content in packed.items()
    )
    terms = f"{_source('browser/vendor/LICENSE')}\n{gzip.decompress(_vendored('ThirdPartyNotices.txt.gz')).decode('utf-8')}"
    notice = element(
        "details",
        element("summary", "Licences of onnxruntime-web and of what is built into it"),
        element("pre", terms),
    )
    return _FRAME.format(
        policy=policy,
        title=element("title", f"Ask {name} · qalens").to_html(),
        style=style,
        facts=join(element("p", facts, id="facts"), notice).to_html(),
        data=data,
        script=script,
    )


_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{title}
<style>{style}</style>
</head>
<body>
<main>
<div id="fields">
<h1>Ask the reader</h1>
<div id="examples" role="group" aria-label="Examples"></div>
<label for="question">Question</label><input type="text" id="question" dir="auto">
<label for="context">Text</label><textarea id="context" dir="auto"></textarea>
<p><span id="status" role="status"></span> <button type="button" id="stop" hidden>Stop</button></p>
</div>
<div id="result" hidden>
<div id="spans"></div>
<h2 class="own">Answer or none</h2>
<div id="decision"></div>
<section class="own"><h2>Before and after</h2>
<button type="button" id="pin">Keep this to compare with</button> <button type="button" id="back" hidden>Go back to it</button>
<p id="compared"></p></section>
<section class="own"><h2>What each sentence does</h2>
<button type="button" id="leave-out">Leave out one sentence after the other</button>
<ol id="sentences"></ol></section>
</div>
</main>
<footer>{facts}</footer>
{data}
<script type="module">{script}</script>
</body>
</html>
"""


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

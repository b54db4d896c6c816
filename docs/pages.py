"""What `mkdocs build` makes pages of beside the files of this folder: README, benchmarks, notebook and docstrings."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "benchmarks/README.md": "benchmarks.md", "examples/chapter_5.ipynb": "chapter_5.md"}

sys.path.insert(0, str(ROOT / "docs"))
import reference  # noqa: E402


def on_config(config: Any) -> None:
    """A page that has no place in the navigation gets one at its end."""
    listed = str(config["nav"])
    more = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in listed and path.name != "about.md"]
    if more:
        config["nav"].append({"More": more})


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made, and the programs that pages link to."""
    made = {page: read(source) for source, page in PAGES.items()}
    made |= {f"reference/{name}": text for name, text in reference.pages().items()}
    texts = [*made.values(), *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))]
    for source in re.findall(r"\]\((?:\.\./)?([\w/]+\.py)\)", "".join(texts)):
        made[source] = (ROOT / source).read_text(encoding="utf-8")
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace("<details>", '<details markdown="1">').replace("](../", "](")


def read(source: str) -> str:
    """A file of the project as a page: what it links to is named as the page here is."""
    text = (ROOT / source).read_text(encoding="utf-8")
    if source.endswith("ipynb"):
        return "\n\n".join(part for cell in json.loads(text)["cells"] for part in of_cell(cell))

    def moved(link: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(source), link[2])).replace(os.sep, "/")
        return link[1] + PAGES.get(target, target.removeprefix("docs/")) + link[3]

    return re.sub(r'(\]\(|src="|srcset=")(?!http|#)([^)"]+)([)"])', moved, text)


def of_cell(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        source = re.sub(r"\$\$(.+?)\$\$", lambda math: displayed(math[1]), source, flags=re.DOTALL)
        return [re.sub(r"\$(.+?)\$", lambda math: f"<span>{convert(math[1])}</span>", source)]
    parts = [f"```python\n{source}\n```"]
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/svg+xml" in data:
            svg = "".join(data["image/svg+xml"])
            parts.append(f"<div>{svg[svg.index('<svg') :]}</div>")
        elif "image/png" in data:
            parts.append(f'<img alt="" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">')
        elif "text/latex" in data:
            parts.append(displayed("".join(data["text/latex"]).strip("$\n")))
        else:
            parts.append(f"```text\n{''.join(output.get('text') or data['text/plain']).rstrip()}\n```")
    return parts


def displayed(latex: str) -> str:
    """An equation as MathML, which browsers show without a script; the space between lines is theirs."""
    latex = re.sub(r"\\\\\[.*?\]", r"\\\\", latex).replace("{aligned}", "{align*}")
    math = re.sub(r'columnalign="(\w+)"', r'style="text-align: \1; padding: 0.4ex 0"', convert(latex, display="block"))
    return f'<div style="margin: 1em 0">{math}</div>'

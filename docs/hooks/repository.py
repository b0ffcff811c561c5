"""What a page links outside of docs/ becomes part of the site, below `repository/`, and the links lead there.

Pages of Markdown and source files become pages, everything else is copied as it is; of a report's page also what it
links itself. README.md is the site's first page. So every link stands as it works in the repository, and is checked as
any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ALWAYS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reports/minilm/README.md")
"""What the navigation names; README.md first."""
SOURCES = {
    ".py": "python",
    ".sh": "bash",
    ".c": "c",
    ".h": "c",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".cff": "yaml",
    ".toml": "toml",
}
"""Files that are shown as pages, by the language of their block."""
LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<rest>#[^)\s]*)?(?=\))")
REFERENCE = re.compile(r"""(?:href|src)=["'](?P<path>[^"'#:?]+)["']""")
FENCE = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)

origins: dict[str, str] = {}
"""Where in the repository a page of the site is, by its place in the site's sources."""
places: dict[str, str] = {}
"""The other way round."""
texts: dict[str, str] = {}
"""The pages' Markdown with the links of the site, by their place."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is linked, and what that links."""
    origins.clear()
    places.clear()
    texts.clear()
    for file in files.documentation_pages():
        _know(f"docs/{file.src_uri}", file.src_uri)
    waiting = [*ALWAYS, *(target for origin in [*places] for target in _linked(origin))]
    while waiting:
        origin = waiting.pop()
        if origin in places or not (ROOT / origin).exists() or _inside_docs(origin):
            continue
        file = _file(origin, config)
        _know(origin, file.src_uri)
        files.append(file)
        waiting += _linked(origin)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of the repository into those of the site."""
    here = page.file.src_uri
    texts[here] = _turned(page.file.content_string, here)
    return _turned(markdown, here)


def on_post_build(config: MkDocsConfig) -> None:
    """Put each page's Markdown beside it, for programs that read it: docs/llms.txt lists them."""
    for place, text in texts.items():
        (Path(config.site_dir) / place).write_text(text, encoding="utf-8")


def _turned(markdown: str, here: str) -> str:
    origin = origins.get(here, f"docs/{here}")

    def turned(found: re.Match[str]) -> str:
        target = _resolved(origin, found["path"])
        place = places.get(target) or (target.removeprefix("docs/") if _inside_docs(target) else None)
        if place is None:
            return found[0]
        shown = re.sub(r"\.ipynb$", ".md", place)  # a notebook's page
        return relpath(shown, PurePosixPath(here).parent) + (found["rest"] or "")

    return _outside_fences(markdown, lambda text: LINK.sub(turned, text))


def _know(origin: str, place: str) -> None:
    origins[place] = origin
    places[origin] = place


def _inside_docs(origin: str) -> bool:
    return origin.startswith("docs/")


def _resolved(origin: str, path: str) -> str:
    return normpath(PurePosixPath(origin).parent / unquote(path))


def _linked(origin: str) -> Iterator[str]:
    """What a file of the repository links, as paths from its root."""
    path = ROOT / origin
    if path.is_dir():
        yield from (f"{origin}/{name}" for name in _listed(path))
    elif path.suffix == ".md":
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        yield from (_resolved(origin, found["path"]) for found in LINK.finditer(text))
    elif path.suffix == ".html":
        text = path.read_text(encoding="utf-8")
        yield from {_resolved(origin, found["path"]) for found in REFERENCE.finditer(text)}


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", "__pycache__")))


def _file(origin: str, config: MkDocsConfig) -> File:
    """The file of the site that shows one of the repository."""
    path = ROOT / origin
    if origin == ALWAYS[0]:
        return File.generated(config, "index.md", abs_src_path=str(path))
    place = f"repository/{origin}"
    if path.is_dir():
        return _page(config, f"{place}/index.md", _listing(origin))
    if path.suffix in SOURCES:
        return _page(config, f"{place}.md", _shown(origin))
    inclusion = InclusionLevel.INCLUDED if origin in ALWAYS else InclusionLevel.NOT_IN_NAV
    place = place.replace("README.md", "readme.md")  # else it would be the index.html of its folder, which a report has
    return File.generated(config, place, abs_src_path=str(path), inclusion=inclusion)


def _page(config: MkDocsConfig, place: str, content: str) -> File:
    unsearched = f"---\nsearch: {{exclude: true}}\n---\n{content}"
    return File.generated(config, place, content=unsearched, inclusion=InclusionLevel.NOT_IN_NAV)


def _listing(origin: str) -> str:
    names = _listed(ROOT / origin)
    return f"# {origin}\n\n" + "".join(f"- [{name}]({PurePosixPath(origin).name}/{name})\n" for name in names)


def _shown(origin: str) -> str:
    text = (ROOT / origin).read_text(encoding="utf-8")
    return f"# {origin}\n\n~~~~~~ {SOURCES[Path(origin).suffix]}\n{text.rstrip()}\n~~~~~~\n"


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """The text with `change` made of what is outside of fenced blocks."""
    parts, end = [], 0
    for fenced in FENCE.finditer(markdown):
        parts += [change(markdown[end : fenced.start()]), fenced[0]]
        end = fenced.end()
    return "".join([*parts, change(markdown[end:])])

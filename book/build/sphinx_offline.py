"""Sphinx extension: a site that makes no request, and no figure without a description.

MathJax is copied into the site, the live-code scripts that would be loaded from elsewhere are taken
out, and a page with an image that lacks a real alternative text is a warning (an error under -W).
"""

import importlib.util
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

MATHJAX = "mathjax/tex-svg.js"  # one file, glyphs as paths: no fonts to load
GENERATED_ALT = re.compile(r"(^|/)[0-9a-f]{16,}|\.(png|svg|jpe?g|gif|webp)$|_images/")
MENDED = {
    # The roles that docutils writes contradict each other (a list may hold list items only), so
    # assistive technology is better served by none.
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
    # sphinx-exercise gives the content of every exercise the same id.
    ' id="exercise-content"': "",
}


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", use_vendored_mathjax)
    app.connect("config-inited", remove_thebe)
    app.connect("builder-inited", copy_mathjax)
    app.connect("html-page-context", check_alternative_texts)
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def use_vendored_mathjax(app: Sphinx, config) -> None:
    config.mathjax_path = MATHJAX


def mathjax_source() -> Path:
    """The one-file MathJax inside the installed package that carries it."""
    package = importlib.util.find_spec("mathjax")
    return Path(package.submodule_search_locations[0]) / "static/mathjax/es5/tex-svg.js"


def copy_mathjax(app: Sphinx) -> None:
    # Not through html_static_path: Jupyter Book adds every script it finds there to every page.
    target = Path(app.outdir) / "_static" / MATHJAX
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(mathjax_source(), target)


def remove_thebe(app: Sphinx, config) -> None:
    # sphinx-thebe's script address is a constant in its code, so no setting turns it off.
    for name in ("env-before-read-docs", "doctree-resolved"):
        for listener in list(app.events.listeners[name]):
            if getattr(listener.handler, "__module__", "") != "sphinx_thebe":
                continue
            if listener.handler.__name__ in ("init_thebe_core", "update_thebe_context"):
                app.disconnect(listener.id)


class ImagesWithoutText(HTMLParser):
    """Collects the images of a page whose alternative text says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            attributes = dict(attrs)
            alt = (attributes.get("alt") or "").strip()
            if not alt or GENERATED_ALT.search(alt):
                self.sources.append((attributes.get("src") or "")[:80])


def check_alternative_texts(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    parser = ImagesWithoutText()
    parser.feed(context.get("body") or "")
    for source in parser.sources:
        logger.warning("an image has no alternative text: %s", source, location=page)


def mend(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    for wrong, right in MENDED.items():
        if wrong in (context.get("body") or ""):
            context["body"] = context["body"].replace(wrong, right)

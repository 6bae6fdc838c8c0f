"""Turns a page's MyST Markdown into the ordinary Markdown that every Jupyter understands.

The site offers each executed notebook for download. Opened in plain Jupyter, a directive would show
as a block of code and a role as a stray brace, so both are replaced by what they stand for.
"""

import re

import nbformat

FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[\w:+-]+)\}[ \t]*(?P<title>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=fence)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
LABEL = re.compile(r"^:label:[ \t]*(\S+)", re.MULTILINE)
OPTION = re.compile(r"^:[\w-]+:.*\n?", re.MULTILINE)
TARGET = re.compile(r"^\([\w.:-]+\)=[ \t]*\n", re.MULTILINE)
ROLE = re.compile(r"\{(?P<kind>[\w:+-]+)\}`(?P<text>[^`]+)`")
LABELLED = re.compile(r"^(?P<label>.+?)\s*<[^<>]+>$", re.DOTALL)
MATH_KINDS = {"math", "eq-block"}
INVISIBLE = {"bibliography", "tableofcontents", "contents", "toctree", "raw"}
CODE_KINDS = {"code", "code-block", "literalinclude"}
ADDED_METADATA = ("papermill", "execution")
HIDING_TAGS = {"hide-input", "hide-cell", "remove-input"}


def plain_notebook(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of `notebook` whose Markdown cells are ordinary Markdown, outputs untouched.

    Code that the page folds away is collapsed: Jupyter knows nothing of the page's tags.
    """
    copy = without_traces(notebook)
    for cell in copy.cells:
        cell.metadata.pop("isomorph", None)
        if cell.cell_type == "code" and HIDING_TAGS & set(cell.metadata.get("tags", ())):
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    return copy


def without_traces(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without what execution added: times, statuses and folders of the building machine."""
    copy = nbformat.from_dict(notebook)
    copy.metadata = nbformat.from_dict(
        {key: copy.metadata[key] for key in ("kernelspec", "language_info") if key in copy.metadata}
    )
    for cell in copy.cells:
        for key in ADDED_METADATA:
            cell.metadata.pop(key, None)
    return copy


def plain_markdown(text: str) -> str:
    """MyST to ordinary Markdown: directives become quotes, roles become their text."""
    return ROLE.sub(_role, TARGET.sub("", FENCE.sub(_directive, text)))


def _directive(match: re.Match) -> str:
    kind, title = match["kind"], match["title"].strip()
    body = OPTION.sub("", match["body"]).strip("\n")
    if kind in MATH_KINDS:
        return f"$$\n{body}\n$$"
    if kind in CODE_KINDS:
        return f"```{title}\n{body}\n```"
    if kind in INVISIBLE:
        return ""
    if kind == "exercise" and (label := LABEL.search(match["body"])):
        kind = f"exercise {label[1]}"  # the page numbers it, and a notebook does not
    name = title if kind == "admonition" else kind.split(":")[-1].replace("-", " ").capitalize()
    body = FENCE.sub(_directive, body)  # a directive may hold another
    head = f"**{name}**" if kind == "admonition" or not title else f"**{name}: {title}**"
    lines = [head, "", *body.splitlines()] if body else [head]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _role(match: re.Match) -> str:
    kind, text = match["kind"], match["text"]
    if kind == "math":
        return f"${text}$"
    labelled = LABELLED.match(text)
    if labelled:
        return labelled["label"]
    if kind.startswith("cite"):
        return f"[{text}]"
    return text

"""The built site, as a reader meets it: opened from disk in a real browser."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from book import build as book
from book.build.chapters import Layout, hash_library

import isomorph
from isomorph import report

# Checks that could be skipped unseen would check nothing: where they must run, their lack fails.
REQUIRED = bool(os.environ.get("REQUIRE_BROWSER"))
if not REQUIRED:
    pytest.importorskip("playwright", reason="playwright, of the test extra, is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
PAGES = (
    "index",
    "ledger",
    "how_to_read",
    "how_to_reproduce",
    "bring_your_own_model",
    "bring_your_own_text",
    "how_to_teach",
    "glossary",
    "bibliography",
)
CHAPTERS = ("cross_lingual/needle", "cross_lingual/example", "fine_tuning/broken")
PHONE, DESK = {"width": 375, "height": 700}, {"width": 1280, "height": 900}

NONE = f"no browser to drive: none of {', '.join(BROWSERS)} is installed"

pytestmark = pytest.mark.skipif(BROWSER is None and not REQUIRED, reason=NONE)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    assert BROWSER, NONE
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield opened
        opened.close()


class Reader:
    """A browser window on the site in `html`, which notes whatever a page should not do."""

    def __init__(self, browser, html: Path, mode: str = "light", viewport: dict = DESK):
        self.html = html
        self.context = browser.new_context(color_scheme=mode, viewport=viewport)
        self.window = self.context.new_page()
        self.complaints: list[str] = []
        self.window.on("console", self._console)
        self.window.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.window.on("request", self._request)
        self.window.on("requestfailed", lambda r: self.complaints.append(f"failed: {r.url}"))

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")

    def open(self, page: str, query: str = ""):
        self.window.goto((self.html / f"{page}.html").as_uri() + query)
        self.window.wait_for_timeout(150)  # what scripts do after loading counts too
        return self.window


@pytest.fixture
def read(browser, built_book):
    """Opens a Reader on the small book; its windows are closed afterwards."""
    readers = []

    def opened(**options) -> Reader:
        readers.append(Reader(browser, built_book[0] / "_build" / "html", **options))
        return readers[-1]

    yield opened
    for reader in readers:
        reader.context.close()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_pages_load_without_complaint_or_request(read, mode):
    reader = read(mode=mode)
    for page in (*PAGES, *CHAPTERS):
        window = reader.open(page)
        assert window.locator("article h1").count() == 1, page
        assert window.evaluate("document.documentElement.dataset.theme") == mode
    assert reader.complaints == []


def test_the_watch_for_requests_and_errors_works(read):
    reader = read()
    window = reader.open("glossary")
    window.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://x.invalid/'}))")
    window.evaluate("console.error('a planted error')")
    window.wait_for_timeout(200)
    assert "request: https://x.invalid/" in reader.complaints
    assert "error: a planted error" in reader.complaints


def test_math_is_drawn(read):
    window = read().open("cross_lingual/needle")
    window.wait_for_selector("mjx-container svg")
    assert window.locator("mjx-container svg").count() == 3
    assert window.locator("mjx-merror").count() == 0


def test_a_formula_wider_than_the_page_is_reached_by_the_keyboard(read):
    formulas = "mjx-container[display='true']"
    for viewport, reached in ((PHONE, [-1, 0]), (DESK, [-1, -1])):
        window = read(viewport=viewport).open("cross_lingual/needle")
        assert window.locator(formulas).evaluate_all("all => all.map(f => f.tabIndex)") == reached


def test_search_finds_a_chapter(read):
    reader = read()
    window = reader.open("search", "?q=xylophone")
    link = window.locator("#search-results li a").first
    link.wait_for()
    titles = window.locator("#search-results li a").all_inner_texts()
    assert any("A needle in a haystack" in title for title in titles)
    assert reader.complaints == []


def test_every_image_says_what_it_shows(read):
    reader = read()
    alts = []
    for page in (*PAGES, *CHAPTERS):
        images = reader.open(page).locator("img")
        alts += images.evaluate_all("images => images.map(i => i.alt)")
    assert alts
    assert all(len(alt) > 20 and ".svg" not in alt and ".png" not in alt for alt in alts)


def test_figures_are_drawn_in_both_modes(read):
    for mode, inverted in (("light", False), ("dark", True)):
        image = read(mode=mode).open("cross_lingual/needle").locator("figure img")
        assert image.evaluate("i => i.complete && i.naturalWidth > 300")
        assert image.evaluate("i => getComputedStyle(i).filter.includes('invert')") is inverted


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_no_serious_barrier(read, mode, viewport):
    reader = read(mode=mode, viewport=viewport)
    pages = ("index", "ledger", "glossary", "bibliography", "how_to_reproduce", "search", *CHAPTERS)
    assert barriers(reader, pages) == []


SETTLED = """Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime < Infinity)
    .map(one => one.finished))"""


def barriers(reader: Reader, pages) -> list[tuple]:
    """What axe-core calls serious or critical: page, rule and the places."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for page in pages:
        window = reader.open(page)
        window.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        window.evaluate(SETTLED)  # what is still fading in has too little contrast
        for violation in Axe().run(window).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                places = [node["html"][:120] for node in violation["nodes"][:3]]
                found.append((page, violation["id"], places))
    return found


def test_a_phone_never_scrolls_sideways(read):
    reader = read(viewport=PHONE)
    for page in (*PAGES, *CHAPTERS):
        width = reader.open(page).evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], page


def test_a_chapter_offers_its_notebook_and_nothing_that_needs_a_server(read):
    window = read().open("cross_lingual/needle")
    links = window.locator("a").evaluate_all("links => links.map(a => a.href)")
    offered = [link for link in links if link.endswith("_sources/cross_lingual/needle.ipynb")]
    assert offered
    assert Path(offered[0].removeprefix("file://")).exists()
    assert not [link for link in links if "mybinder" in link or "colab" in link]


def test_a_solution_is_folded_and_opens_by_keyboard(read):
    reader = read()
    window = reader.open("cross_lingual/example")
    folds = window.locator("details.solution")
    assert folds.count() == 5
    secret = window.get_by_text("quokka")
    assert not secret.is_visible()
    assert window.get_by_text('"example.1"').is_visible()  # the call of the check
    assert window.get_by_text("Not answered yet.").count() == 0  # nothing can be run on a page
    assert not any(told.is_visible() for told in window.get_by_text("Right.").all())
    window.locator("#example\\.1").click()
    for _ in range(20):
        window.keyboard.press("Tab")
        if window.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    window.keyboard.press("Enter")
    assert secret.is_visible()
    assert folds.first.get_by_text("Right.").is_visible()
    assert not window.get_by_text("wombat").first.is_visible()  # of the next solution
    window.keyboard.press("Enter")
    assert not secret.is_visible()
    assert reader.complaints == []


def test_exercises_are_numbered_and_no_id_is_given_twice(read):
    window = read().open("cross_lingual/example")
    titles = window.locator(".exercise .admonition-title").all_inner_texts()
    assert [title.split("(")[0].strip() for title in titles] == [
        f"Exercise {n}" for n in range(1, 6)
    ]
    ids = window.locator("[id]").evaluate_all("all => all.map(each => each.id)")
    assert len(ids) == len(set(ids))
    heading = window.get_by_role("heading", name="The end")
    assert heading.is_visible()  # what follows the last solution is not folded with it


def test_the_first_page_says_what_was_found(read):
    window = read().open("index")
    assert window.locator("article ol > li").count() == 5
    assert window.locator("article figure img").count() == 1
    counted = window.locator("article table .outcome")
    assert counted.count() >= 5
    window.locator("article").get_by_role("link", name="The ledger", exact=True).click()
    assert window.url.endswith("ledger.html")


def test_the_ledger_can_be_filtered_and_sorted_without_a_network(read):
    reader = read()
    window = reader.open("ledger")
    rows, count = window.locator("table.ledger tbody tr"), window.locator("#ledger-count")
    whole = rows.count()
    assert whole >= 60 and count.inner_text() == f"{whole} of {whole} claims"
    window.get_by_label("Outcome").select_option("proved")
    proved = rows.locator("visible=true")
    assert 0 < proved.count() < whole
    assert all(row.get_attribute("data-outcome") == "proved" for row in proved.all())
    window.get_by_label("Outcome").select_option("")
    window.get_by_label("Find").fill("parsing")
    assert 0 < rows.locator("visible=true").count() < whole
    window.get_by_label("Find").fill("")
    window.get_by_role("button", name="Paper", exact=True).click()
    paper = window.locator("table.ledger thead th").nth(1)
    assert paper.get_attribute("aria-sort") == "ascending"
    first = rows.first.locator("strong").inner_text()
    window.get_by_role("button", name="Claim", exact=True).click()
    numbers = [row.inner_text() for row in rows.locator("strong").all()]
    assert numbers[:3] == ["1.1", "1.2", "1.3"] != [first] and len(numbers) == whole
    assert reader.complaints == []


def test_on_a_phone_a_claim_is_a_block_with_its_headings(read):
    window = read(viewport=PHONE).open("ledger")
    assert not window.locator("table.ledger thead").is_visible()
    cell = window.locator("table.ledger tbody tr").first.locator("td").nth(2)
    assert cell.evaluate("c => getComputedStyle(c).display") == "block"
    assert "In scope" in cell.evaluate("c => getComputedStyle(c, '::before').content")


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_report_keeps_the_same_promises(browser, mode, viewport, tmp_path):
    values = {
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "floor": 0.1,
        "gain_low": 0.3,
        "gain_high": 0.5,
    }
    rows = pd.DataFrame([{"metric": "cka", "layer": i} | values for i in range(13)])
    drawing = report.Drawing("A", "Of it.", "similarity", {"CKA": "cka"}, {"cka": "CKA"}, "")
    told = report.Report(
        rows, "one/model beside another/" + "a_long_name_of_a_model" * 4, {"Text": "x" * 200},
        "sentences", report.sections(rows, [drawing]),
        report.by_layer(rows, {f"column {i}": "cka" for i in range(9)}),
    )  # fmt: skip
    report.write(told, tmp_path)
    reader = Reader(browser, tmp_path, mode=mode, viewport=viewport)
    window = reader.open("report")
    assert window.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert window.locator("img").first.evaluate("i => i.complete && i.naturalWidth > 300")
    assert reader.complaints == [] and barriers(reader, ["report"]) == []
    reader.context.close()


def test_the_book_built_here_keeps_the_same_promises(browser):
    """Every page of the real book, where one has been built by the library as it is now."""
    layout = Layout(book.ROOT)
    record = layout.build / "manifests" / "site.made-of"
    made_of = json.loads(record.read_text()) if record.exists() else {}
    if made_of.get("library") != hash_library(Path(isomorph.__file__).parent):
        give_up = pytest.fail if os.environ.get("REQUIRE_SITE") else pytest.skip
        give_up("there is no book here that the present library built")
    found = [p.relative_to(layout.html) for p in layout.html.rglob("*.html")]
    pages = [p.with_suffix("").as_posix() for p in found if not p.parts[0].startswith("_")]
    assert {"index", "glossary"} < set(pages)
    reader = Reader(browser, layout.html, viewport=PHONE)
    for page in pages:
        window = reader.open(page)
        assert window.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page
        bare = window.locator("img").evaluate_all("all => all.filter(i => !i.alt).length")
        assert bare == 0, page
    # Before axe-core looks: it fetches style sheets, which a page from disk may not.
    assert reader.complaints == []
    assert barriers(reader, pages) == []
    reader.context.close()
    dark = Reader(browser, layout.html, mode="dark", viewport=DESK)
    assert barriers(dark, pages) == []
    dark.context.close()

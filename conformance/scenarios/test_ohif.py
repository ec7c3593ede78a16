"""OHIF, as its makers publish it, served by the node and opened in a browser: the study list, and studies of each kind.

No request may fail and no error be told of. What was seen is kept as pictures in `target/artifacts/viewers`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from pydicom.dataset import Dataset

import data
import viewed
from browser import Browser, Heard, package
from clients import Web
from subjects.causeway import Causeway

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

ROWS = "[...document.querySelectorAll('tbody tr')].map(row => row.innerText).filter(text => /\\d{4}/.test(text))"
#: What the first viewport shows: a number that changes with the image, and how many colours there are. It is asked for
#: often, so it looks at every seventh pixel; nothing is shown before there is an image.
SHOWN = """(() => {
  const canvas = document.querySelector('canvas.cornerstone-canvas');
  if (!canvas) { return [0, 0]; }
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  const colours = new Set();
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 7) {
    sum = (Math.imul(sum, 31) + pixels[at]) | 0;
    if (colours.size < 100) { colours.add(pixels[at]); }
  }
  return [sum, colours.size];
})()"""
#: Pixels of the first viewport that are more red than green: of images in grey there are none.
REDDISH = """(() => {
  const canvas = document.querySelector('canvas.cornerstone-canvas');
  if (!canvas) { return 0; }
  const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 0; at < bytes.length; at += 28) { count += bytes[at] > bytes[at + 1] + 10; }
  return 7 * count;
})()"""
WINDOW = "document.querySelector('[data-cy=viewport-overlay-bottom-left]').innerText"
VIEWPORT = "canvas.cornerstone-canvas"
#: Colours of a viewport in which an image is drawn; an empty one has one or two.
IMAGE_COLOURS = 20


@pytest.fixture(scope="module")
def node() -> Iterator[Causeway]:
    """A node that serves OHIF, in nothing but its settings told of it."""
    folder = package("ohif") / "dist"
    served = Causeway(settings={"CAUSEWAY_WEB__VIEWERS": f'{{ ohif = "{folder}" }}'})
    served.start()
    yield served
    served.remove()


@pytest.fixture(scope="module")
def studies(node: Causeway) -> dict[str, list[Dataset]]:
    """A study of each kind, kept by the node."""
    report = viewed.from_samples("Report^Rita", "highdicom/ct_image.dcm", "highdicom/sr_document.dcm")
    for document in report[1:]:
        # The sample puts the document into the series of its image, which no series can be (PS3.3 A.35.13).
        document.SeriesInstanceUID = data.uid()
    made = {
        "ct": viewed.ct(),
        "pdf": viewed.pdf(),
        "mr": viewed.from_samples("Magnet^Mia", "dcm_qa_ts/7.dcm"),
        "us": viewed.from_samples("Echo^Emil", "dicomparser/IM00001.fragmented_no_bot_jpeg_baseline.50.dcm"),
        "seg": viewed.from_samples("Liver^Lisa", "dcmqi/01.dcm", "dcmqi/02.dcm", "dcmqi/03.dcm", "dcmqi/liver.dcm"),
        "sr": report,
    }
    made = {kind: instances for kind, instances in made.items() if instances}
    for instances in made.values():
        answer = Web(node.dicomweb).stow(*map(data.file_of, instances))
        assert answer.status_code == 200, answer.text
    return made


@pytest.fixture(scope="module")
def page(node: Causeway, studies: dict[str, list[Dataset]]) -> Iterator[Browser]:
    """A browser that has the study list open."""
    with Browser() as browser:
        browser.open(f"{node.url}/viewers/ohif/")
        browser.wait(f"{ROWS}.length === {len(studies)}")
        browser.click("text=Confirm and hide")
        # The first study is shown under a tour of the viewer, else.
        browser.ask("localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']))")
        yield browser


@pytest.fixture
def opened(page: Browser, node: Causeway, studies: dict[str, list[Dataset]], request: pytest.FixtureRequest) -> Browser:
    """A browser that was told to open the study of this kind."""
    kind = request.param
    if kind not in studies:
        pytest.skip("the samples are absent: CAUSEWAY_SAMPLES names their folder")
    page.heard()
    page.size(900, 600)
    page.open(f"{node.url}/viewers/ohif/viewer?StudyInstanceUIDs={studies[kind][0].StudyInstanceUID}")
    return page


def fine(heard: Heard) -> Heard:
    """Nothing failed and nothing was complained of."""
    assert [answer for answer in heard.answers if answer[2] >= 400] == []
    assert heard.failures == []
    assert heard.errors == []
    return heard


def drawn(page: Browser, but: int = 0, beside: str = "") -> tuple[int, int]:
    """What the viewport shows, once it is an image, another than before, and a text is beside it."""
    return tuple(page.wait(f"""(() => {{
      const corner = document.querySelector('[data-cy=viewport-overlay-bottom-right]')?.textContent ?? '';
      if (!corner.includes({json.dumps(beside)})) {{ return false; }}
      const shown = {SHOWN};
      return shown[1] > {IMAGE_COLOURS} && shown[0] !== {but} && shown;
    }})()"""))


def scrolled(page: Browser, images: int) -> list[int]:
    """What the viewport shows of each image, from the first to the last."""
    seen = [drawn(page, beside=f"1/{images}")[0]]
    for number in range(2, images + 1):
        page.wheel(VIEWPORT, 100)
        seen.append(drawn(page, but=seen[-1], beside=f"({number}/{images})")[0])
    return seen


def put_into_the_viewport(page: Browser, series: str, until: str) -> None:
    """Has a series of the list at the side shown. The viewer passes over a double click while it is busy."""
    for _ in range(4):
        page.double_click(f"text={series}")
        with contextlib.suppress(AssertionError):
            page.wait(until, 15)
            return
    page.picture("ohif-not-shown")
    pytest.fail(f"{series} is not shown")


def listed(page: Browser) -> list[str]:
    """The patients of the study list, in order of name."""
    return sorted(row.split("\n")[0].split("\t")[0] for row in page.ask(ROWS))


def found(page: Browser, key: str, patients: list[str]) -> None:
    """The list holds these patients once the node was asked with this key: the viewer narrows its list down before."""
    page.answered(key)
    page.wait(f"{ROWS}.length === {len(patients)}")
    assert listed(page) == patients, key


def test_the_study_list_shows_each_study_with_what_is_known_of_it(
    page: Browser, studies: dict[str, list[Dataset]],
) -> None:
    page.picture("ohif-study-list")
    rows = {row.split("\n")[0].split("\t")[0]: row for row in page.ask(ROWS)}
    assert len(rows) == len(studies)
    for text in ("29-Feb-2024 10:15 AM", "CT", "Thorax native", str(viewed.SLICES)):
        assert text in rows["Wander, Disc"]
    # Shared memory for the decoders, which only an isolated page has.
    assert page.ask("crossOriginIsolated") is True
    fine(page.heard())


def test_each_field_of_the_study_list_finds_the_study_and_no_other(page: Browser, node: Causeway) -> None:
    page.open(f"{node.url}/viewers/ohif/")
    page.wait(f"{ROWS}.length > 1")
    # So wide that it shows all its columns.
    page.size(1800, 700)
    page.wait("document.querySelectorAll('table input').length === 7")
    everyone = listed(page)
    page.heard()
    fields = page.ask("[...document.querySelectorAll('table input')].map(field => field.id || field.ariaLabel || '')")
    patient, mrn, description, accession = (index for index, name in enumerate(fields) if name == "")
    for index, text, key in (
        (patient, "wand", "PatientName"), (mrn, "EW-CT", "00100020"), (description, "horax", "StudyDescription"),
        (accession, "471", "AccessionNumber"),
    ):
        field = f"table input >> nth={index}"
        page.fill(field, text)
        found(page, f"{key}=", ["Wander, Disc"])
        page.fill(field, "")
        page.wait(f"{ROWS}.length === {len(everyone)}")
    page.fill("#studyDateTime-start", "2024-02-01")
    page.press("Enter")
    page.fill("#studyDateTime-end", "2024-02-29")
    page.press("Enter")
    found(page, "StudyDate=20240201-20240229", ["Wander, Disc"])
    page.click("text=Reset")
    page.wait(f"{ROWS}.length === {len(everyone)}")
    page.fill("[aria-label='Filter Modalities']", "DOC")
    page.press("Enter")
    found(page, "ModalitiesInStudy=DOC", ["Paper, Piet"])
    page.picture("ohif-search")
    fine(page.heard())


@pytest.mark.parametrize("opened", ["ct"], indirect=True)
def test_all_slices_of_a_ct_are_scrolled_through_and_its_window_is_changed(opened: Browser) -> None:
    seen = scrolled(opened, viewed.SLICES)
    assert len(set(seen)) == viewed.SLICES
    opened.picture("ohif-ct")
    window = opened.ask(WINDOW)
    opened.drag(VIEWPORT, (120, 60))
    drawn(opened, but=seen[-1])
    assert opened.ask(WINDOW) != window
    opened.picture("ohif-ct-window")
    frames = fine(opened.heard()).of("/frames/")
    assert len(frames) == len(set(frames)) == viewed.SLICES


@pytest.mark.parametrize("opened", ["mr"], indirect=True)
def test_an_mr_image_in_jpeg_ls_is_decoded_by_the_viewer(opened: Browser) -> None:
    drawn(opened)
    opened.picture("ohif-mr")
    assert len(fine(opened.heard()).of("/frames/1")) == 1


@pytest.mark.parametrize("opened", ["us"], indirect=True)
def test_each_frame_of_a_cine_loop_is_drawn_in_colour(opened: Browser) -> None:
    assert len(set(scrolled(opened, 8))) == 8
    opened.picture("ohif-us")
    frames = fine(opened.heard()).of("/frames/")
    assert sorted(url.rsplit("/", 1)[1] for url in frames) == [str(number) for number in range(1, 9)]


@pytest.mark.parametrize("opened", ["seg"], indirect=True)
def test_a_segmentation_is_laid_over_its_images(opened: Browser) -> None:
    drawn(opened)
    put_into_the_viewport(opened, "Liver Segmentation", f"{REDDISH} > 1000")
    opened.picture("ohif-seg")
    fine(opened.heard())


@pytest.mark.parametrize("opened", ["sr"], indirect=True)
def test_what_a_report_measured_is_drawn_on_its_image(opened: Browser) -> None:
    drawn(opened)
    put_into_the_viewport(
        opened, "Measurement Reports",
        "document.querySelector('svg.svg-layer')?.textContent.includes('Area of defined region')",
    )
    opened.picture("ohif-sr")
    fine(opened.heard())


@pytest.mark.parametrize("opened", ["pdf"], indirect=True)
def test_a_pdf_document_is_shown(opened: Browser) -> None:
    opened.wait("document.querySelector('object[type=\"application/pdf\"]')?.data")
    opened.picture("ohif-pdf")
    heard = fine(opened.heard())
    assert heard.of("/bulkdata"), heard.answers


@contextmanager
def proxied(node: Causeway, prefix: str) -> Iterator[str]:
    """The node's URL behind a proxy that has it below a path, and says so to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {**self.headers, "X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Prefix": prefix}
            path = self.path.removeprefix(prefix)
            found = path != self.path
            answer = requests.get(node.url + path if found else f"{node.url}/none", headers=headers, stream=True, timeout=60)
            body = answer.raw.read(decode_content=False)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            if answer.status_code not in (204, 304):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{prefix}"
    server.shutdown()
    server.server_close()


def test_behind_a_proxy_with_a_path_it_is_the_same(
    page: Browser, node: Causeway, studies: dict[str, list[Dataset]],
) -> None:
    page.heard()
    # Wide enough for the list to show dates.
    page.size(1280, 700)
    with proxied(node, "/imaging") as url:
        page.open(f"{url}/viewers/ohif/")
        page.wait(f"{ROWS}.length === {len(studies)}")
        page.open(f"{url}/viewers/ohif/viewer?StudyInstanceUIDs={studies['pdf'][0].StudyInstanceUID}")
        page.wait("document.querySelector('object[type=\"application/pdf\"]')?.data")
        heard = page.heard()
        page.open("about:blank")
    # What the first page still asked for when it was left is not held against anyone.
    assert [answer for answer in heard.answers if answer[2] >= 400] == []
    assert heard.errors == []
    assert [asked for _, asked, _ in heard.answers if asked.startswith("http") and not asked.startswith(url)] == []

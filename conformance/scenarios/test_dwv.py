"""dwv, a second viewer, served by the node beside the first: it reads whole files, over WADO-RS and over WADO-URI."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
import data
import viewed
from browser import Browser, package
from clients import Web
from subjects.causeway import Causeway

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

#: What is shown: a number that changes with the image, and how many colours there are.
SHOWN = """(() => {
  const canvas = document.querySelector('#layers canvas');
  if (!canvas || !window.told.loaded) { return [0, 0]; }
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  let sum = 0;
  for (const pixel of pixels) { sum = (Math.imul(sum, 31) + pixel) | 0; }
  return [sum, new Set(pixels).size];
})()"""


#: Goes to the first slice and waits until it is drawn: dwv begins at the one that came first.
TO_THE_FIRST = f"""(async () => {{
  const place = window.app.getActiveLayerGroup().getPositionHelper();
  for (let at = 0; at < {viewed.SLICES}; at += 1) {{ place.decrementPositionAlongScroll(); }}
  for (let at = 0; at < 3; at += 1) {{ await new Promise((drawn) => requestAnimationFrame(drawn)); }}
}})()"""

#: What dwv imports: the package, its script, and the name under which the script leaves what it has.
LIBRARIES = (
    ("konva", "konva.min.js", "Konva"),
    ("jszip", "dist/jszip.min.js", "JSZip"),
    ("magic-wand-tool", "dist/magic-wand.min.js", "MagicWand"),
)


def built(folder: Path) -> Path:
    """A page made of dwv, in a folder."""
    shutil.copytree(package("dwv") / "dist", folder, dirs_exist_ok=True)
    shutil.copy(Path(browser.__file__).parent / "viewers" / "dwv.html", folder / "index.html")
    for name, script, left_as in LIBRARIES:
        shutil.copy(package(name) / script, folder)
        (folder / f"{name}.mjs").write_text(f"export default window.{left_as};\n")
    return folder


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Causeway]:
    """A node that serves dwv."""
    folder = built(tmp_path_factory.mktemp("dwv"))
    served = Causeway(settings={"CAUSEWAY_WEB__VIEWERS": f'{{ dwv = "{folder}" }}'})
    served.start()
    yield served
    served.remove()


@pytest.fixture(scope="module")
def page(node: Causeway) -> Iterator[Browser]:
    with Browser() as opened:
        opened.size(600, 520)
        yield opened


def shown(page: Browser, but: int = 0) -> tuple[int, int]:
    """What is shown, once all is loaded, drawn, and not what was shown before."""
    return tuple(page.wait(f"(() => {{ const shown = {SHOWN}; return shown[1] > 20 && shown[0] !== {but} && shown }})()"))


@pytest.mark.parametrize("by", ["wado-rs", "wado-uri"])
def test_a_ct_is_loaded_whole_and_each_slice_is_drawn(page: Browser, node: Causeway, by: str) -> None:
    study = viewed.ct()
    assert Web(node.dicomweb).stow(*map(data.file_of, study)).status_code == 200
    page.open(f"{node.url}/viewers/dwv/?study={study[0].StudyInstanceUID}&by={by}")
    shown(page)
    page.ask(TO_THE_FIRST)
    seen = [shown(page)]
    for _ in range(1, viewed.SLICES):
        page.ask("window.app.getActiveLayerGroup().getPositionHelper().incrementPositionAlongScroll()")
        seen.append(shown(page, but=seen[-1][0]))
    assert len(set(seen)) == viewed.SLICES
    page.picture(f"dwv-{by}")
    heard = page.heard()
    assert page.ask("window.told.errors") == []
    assert [answer for answer in heard.answers if answer[2] >= 400] == []
    assert (heard.failures, heard.errors) == ([], [])
    urls = heard.of("/series/" if by == "wado-rs" else "/wado?")
    assert len(urls) == (1 if by == "wado-rs" else viewed.SLICES)


def test_an_mr_image_in_jpeg_2000_is_decoded_by_the_viewer_s_worker(page: Browser, node: Causeway) -> None:
    study = viewed.from_samples("Magnet^Max", "dcm_qa_ts/9.dcm")
    if not study:
        pytest.skip("the samples are absent: CAUSEWAY_SAMPLES names their folder")
    assert Web(node.dicomweb).stow(*map(data.file_of, study)).status_code == 200
    page.heard()
    page.open(f"{node.url}/viewers/dwv/?study={study[0].StudyInstanceUID}&by=wado-rs")
    shown(page)
    page.picture("dwv-mr")
    heard = page.heard()
    assert heard.of("worker"), heard.answers
    assert [answer for answer in heard.answers if answer[2] >= 400] == []
    assert (heard.failures, heard.errors, page.ask("window.told.errors")) == ([], [], [])

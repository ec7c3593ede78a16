"""The node's own mount for viewers, without a viewer: what is given to whom, and what a wrong setting is told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from subjects import Subject
from subjects.causeway import binary

pytestmark = pytest.mark.only("causeway")


def viewer(folder: Path) -> dict[str, str]:
    """Settings with a viewer of one page and one script."""
    (folder / "index.html").write_text('<script>window.PUBLIC_URL="/"</script><script src="/app.js"></script>')
    (folder / "app.js").write_text("let x = 1;\n" * 1000)
    (folder / "app-config.js").write_text("window.config = { whiteLabeling: {} };")
    (folder / ".htpasswd").write_text("secret")
    return {"CAUSEWAY_WEB__VIEWERS": f'{{ plain = "{folder}" }}'}


def test_the_files_of_a_viewer_need_no_token_and_what_it_reads_does(
    make_subject: Callable[..., Subject], folder: Path,
) -> None:
    node = make_subject(settings=viewer(folder))
    node.stop()
    node.run_alone("token", "add", "viewer", "--allow", "query")
    node.settings["CAUSEWAY_WEB__AUTHENTICATION"] = "required"
    node.start()
    page = requests.get(f"{node.url}/viewers/plain/", timeout=30)
    assert page.status_code == 200
    assert requests.get(f"{node.dicomweb}/studies", timeout=30).status_code == 401
    assert requests.get(f"{node.url}/", timeout=30).status_code == 401
    assert requests.get(f"{node.url}/viewers/plain/.htpasswd", timeout=30).status_code == 404


def test_a_viewer_built_for_the_root_is_made_to_fit_and_told_of_the_node(
    make_subject: Callable[..., Subject], folder: Path,
) -> None:
    node = make_subject(settings=viewer(folder))
    page = requests.get(f"{node.url}/viewers/plain", params={"patientName": "x"}, timeout=30)
    assert page.url.endswith("/viewers/plain/?patientName=x")
    assert 'src="./app.js"' in page.text
    settings = requests.get(f"{node.url}/viewers/plain/app-config.js", timeout=30)
    assert settings.text.startswith("window.config = { whiteLabeling: {} };")
    assert "dataSources" in settings.text
    script = requests.get(f"{node.url}/viewers/plain/app.js", timeout=30)
    assert script.headers["Content-Encoding"] == "gzip"
    assert int(script.headers["Content-Length"]) < len(script.content) == 11_000
    again = requests.get(script.url, headers={"If-None-Match": script.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
    assert "<a href=viewers/plain/>plain</a>" in requests.get(node.url, timeout=30).text


def test_a_path_cannot_climb_out_of_a_viewer_s_folder(make_subject: Callable[..., Subject], folder: Path) -> None:
    inside = folder / "dist"
    inside.mkdir()
    (folder / "secret.js").write_text("secret")
    (inside / "out.js").symlink_to("../secret.js")
    node = make_subject(settings=viewer(inside))
    for path in ("../secret.js", "%2e%2e/secret.js", "..%2fsecret.js", "out.js", "//etc/passwd", "%2fetc/passwd", "a%00"):
        # A session would tidy the path up before it is sent.
        request = requests.Request("GET", node.url).prepare()
        request.url = f"{node.url}/viewers/plain/{path}"
        with requests.Session() as session:
            answer = session.send(request, timeout=30)
        assert (answer.status_code, "secret" in answer.text) == (404, False), path


@pytest.mark.parametrize(("setting", "told"), [
    ('{ ohif = "/there/is/no/such/folder" }', "cannot be opened"),
    ('{ ohif = "." }', "index.html"),
    ('{ OHIF = "." }', "small letters"),
])
def test_a_setting_that_names_no_viewer_is_refused_at_the_start_with_what_to_name(
    folder: Path, setting: str, told: str,
) -> None:
    done = subprocess.run(
        [binary(), "serve", "--data", folder / "data", "--web-listen", "127.0.0.1:0", "--dimse-listen", "127.0.0.1:0"],
        cwd=folder, env={"CAUSEWAY_WEB__VIEWERS": setting}, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode != 0
    assert "viewer" in done.stderr and told in done.stderr, done.stderr

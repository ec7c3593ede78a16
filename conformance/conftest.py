"""The suite's fixtures: the server under test, peers for it, and its log beside each failure.

Tests speak over the wire only, and are filed by the part of the standard that they hold the server to;
`scenarios` are longer stories that cross several parts.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pynetdicom import _config

import places
from clients import Receiver, Web, path_of
from places import Keeping
from samples import Sample
from several import Several
from subjects import SUBJECTS, Subject
from subjects.base import CannotStart, free_port

os.environ["TCP_NODELAY"] = "1"
# A shell has what it runs in the background ignore it, and what is started here would, too: some is to be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Files are sent as the bytes that they are, not as pydicom would write them.
_config.STORE_SEND_CHUNKED_DATASET = True
_config.ENFORCE_UID_CONFORMANCE = False

_running: list[Subject] = []
#: Names of the servers that came up so far.
_served: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--subject", choices=sorted(SUBJECTS), default="causeway", help="the server under test")
    parser.addoption(
        "--objects", choices=["file", *places.KINDS_OF_OBJECTS], default="file",
        help="where nodes of ours keep objects: in files, on Azurite, at the door of Google's, on moto, on s3s-fs",
    )
    parser.addoption(
        "--catalog", choices=["sqlite", "postgres"], default="sqlite", help="where they keep the catalog",
    )
    parser.addoption(
        "--nodes", type=int, choices=[1, 2], default=1, help="how many nodes of ours the shared server is, behind HAProxy",
    )
    parser.addoption("--every", action="store_true", help="crash: every call and every kill, which takes hours")


def pytest_report_header(config: pytest.Config) -> str:
    return f"subject: {config.getoption('--subject')}, keeping: {_kept(config)}"


def _kept(config: pytest.Config) -> Keeping:
    return Keeping(config.getoption("--objects"), config.getoption("--catalog"))


def pytest_sessionstart(session: pytest.Session) -> None:
    kept = _kept(session.config)
    if session.config.getoption("--nodes") > 1 and (kept.objects == "file" or kept.catalog == "sqlite"):
        pytest.exit("several nodes need --objects and --catalog that they can share", returncode=3)
    if kept == Keeping():
        return
    if lacking := kept.lacks():
        pytest.exit(f"this node does not know: {lacking}", returncode=3)
    # Here and now, for a server ends with the thread that started it.
    kept.place().remove()
    SUBJECTS["causeway"].keeping = kept  # type: ignore[attr-defined]


def pytest_sessionfinish() -> None:
    places.end()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    subject = config.getoption("--subject")
    for item in items:
        if (only := item.get_closest_marker("only")) and subject not in only.args:
            item.add_marker(pytest.mark.skip(reason=f"about {', '.join(only.args)} only"))
        kept = _kept(config)
        if (here := item.get_closest_marker("kept")) and any(
            getattr(kept, what) not in kinds for what, kinds in here.kwargs.items()
        ):
            item.add_marker(pytest.mark.skip(reason=f"not of what is kept as {kept}"))
        if config.getoption("--nodes") > 1 and item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.skip(reason="of one node by itself"))
        known = item.get_closest_marker("orthanc_fails")
        if known and subject == "orthanc":
            item.add_marker(pytest.mark.xfail(reason=known.kwargs["reason"], strict=False))
        lacking = item.get_closest_marker("causeway_lacks")
        if lacking and subject == "causeway":
            item.add_marker(pytest.mark.xfail(reason=lacking.kwargs["reason"], strict=True))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for subject in _running:
            report.sections.append((f"log of {subject.ae_title} ({subject.name}), its end", subject.tail()))


def _started(subject: Subject) -> Subject:
    _running.append(subject)
    try:
        subject.start()
    except CannotStart as reason:
        _running.remove(subject)
        if not _served:
            # No test has anything to talk to.
            pytest.exit(str(reason), returncode=3)
        raise
    _served.append(subject.name)
    return subject


def _removed(subject: Subject) -> None:
    subject.remove()
    if subject in _running:
        _running.remove(subject)


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The server under test. Tests share it, and tell their data apart by UIDs and Patient IDs of their own."""
    several = request.config.getoption("--nodes") > 1
    started = _started(Several() if several else SUBJECTS[request.config.getoption("--subject")]())
    yield started
    _removed(started)


@pytest.fixture(scope="module")
def own_subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A server of the module's own, for what would disturb the others."""
    started = _started(SUBJECTS[request.config.getoption("--subject")]())
    yield started
    _removed(started)


@pytest.fixture(autouse=True)
def still_there(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that brings a server down fails, and the next one finds it up again."""
    yield
    for name in ("subject", "own_subject"):
        if name in request.fixturenames:
            server = request.getfixturevalue(name)
            if not server.alive():
                server.kill()
                server.start()
                pytest.fail("the server went down", pytrace=False)


@pytest.fixture
def make_subject(request: pytest.FixtureRequest) -> Iterator[Callable[..., Subject]]:
    """Starts further servers, of the subject under test unless another is named, for one test."""
    yield from _maker(request)


@pytest.fixture(scope="module")
def make_own_subject(request: pytest.FixtureRequest) -> Iterator[Callable[..., Subject]]:
    """The same for one module."""
    yield from _maker(request)


def _maker(request: pytest.FixtureRequest) -> Iterator[Callable[..., Subject]]:
    made: list[Subject] = []

    def make(kind: str | None = None, **arguments: object) -> Subject:
        subject = SUBJECTS[kind or request.config.getoption("--subject")](**arguments)
        made.append(subject)
        return _started(subject)

    yield make
    for subject in made:
        _removed(subject)


@pytest.fixture(scope="module")
def kept(own_subject: Subject) -> Callable[..., str]:
    """What gives a sample's resource on a server of the module's own, stored when it is first asked for."""
    web, known = Web(own_subject.dicomweb), set()

    def path(sample: Sample) -> str:
        if sample.name not in known:
            answer = web.stow(sample.bytes())
            assert answer.status_code in (200, 202), answer.text[:300]
            known.add(sample.name)
        return path_of(sample)

    path.web = web  # type: ignore[attr-defined]
    return path


@pytest.fixture
def web(subject: Subject) -> Web:
    """DICOMweb of the server under test."""
    return Web(subject.dicomweb)


@pytest.fixture
def receiver(subject: Subject) -> Iterator[Receiver]:
    """A Storage SCP that the server under test knows and may move to."""
    with Receiver(f"RECV{free_port()}") as running:
        subject.add_remote(running.ae_title.lower(), running.ae_title, running.port)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that goes away with the test."""
    return tmp_path

"""PS3.18 §8.5, §8.7, §10: every resource with every media type and every status that it can have, each by two clients."""

import json
import time

import pytest

import data
from clients import multipart, stored
from inquiries import JSON, as_json, ask as inquire, flat
from matrix import (
    CLIENTS, COMMITMENTS, METHODS, RESOURCES, SEARCHES, Answer, assert_is, by_socket, filled, levels, methods,
)

CELLS = [(path, media) for path, medias in RESOURCES.items() for media in medias]
BELOW_A_STUDY = [path for path in RESOURCES if levels(path)]
PLACES = [(path, level) for path in BELOW_A_STUDY for level in levels(path)]
#: What is below a study or series that is not there is not found by a search either.
RETRIEVED = [(path, level) for path, level in PLACES if path not in SEARCHES]
#: Whatever answers a request.
EVERYTHING = [*RESOURCES, *COMMITMENTS]
NOT_ALLOWED = [(path, verb) for path in EVERYTHING for verb in METHODS if verb not in methods(path)]
BAD_UIDS = {"letters": "1.2.x", "too-long": "1." + "2" * 63, "way-out": "..%2F..%2Fetc", "nothing": "%00"}


@pytest.fixture(params=list(CLIENTS))
def ask(request, subject):
    """Asks for what is below the root."""
    if subject.name == "orthanc" and request.param == "curl":
        pytest.skip("one client is enough to prove the suite")
    client = CLIENTS[request.param]

    def asked(method: str, path: str, accept: str | None = None, body: bytes = b"", **headers: str) -> Answer:
        fields = {name.replace("_", "-"): text for name, text in headers.items()}
        return client(method, subject.dicomweb + path, {"Accept": accept or "*/*", **fields}, body)

    return asked


@pytest.fixture(scope="module")
def held(subject):
    """One instance."""
    (item,) = stored(subject, *data.study(1, 1))
    return item


def assert_problem(answer: Answer, status: int) -> None:
    """The status; if it comes as RFC 9457 has it, then with words, and nothing of the machine."""
    assert answer.status == status, f"{answer.status}: {answer.body[:300]!r}"
    if answer.headers["Content-Type"] != "application/problem+json":
        assert "Causeway" not in answer.headers.get("Server", "")
        return
    problem = json.loads(answer.body)
    assert problem["status"] == status and problem["detail"]
    assert "/tmp" not in answer.body.decode() and ".rs" not in answer.body.decode()


@pytest.mark.only("causeway")
def test_the_matrix_has_every_resource_of_the_server(subject):
    """What the server says it has (PS3.18 §8.9) is what is asked for here."""
    described = json.loads(by_socket("OPTIONS", subject.dicomweb + "/", {"Accept": "application/json"}).body)
    found: dict[str, set[str]] = {}

    def walk(resources, above):
        for resource in resources:
            path = f"{above}/{resource['@path']}"
            if verbs := {method["@name"] for method in resource.get("method", [])}:
                found[path] = verbs
            walk(resource.get("resource", []), path)

    walk(described["application"]["resources"]["resource"], "")
    assert found == {path: methods(path) - {"HEAD", "OPTIONS"} for path in EVERYTHING}


@pytest.mark.orthanc_fails(reason="has no thumbnails, no XML, no pixel data resource; files of some resources by themselves only")
@pytest.mark.parametrize(("path", "media"), CELLS)
def test_200(ask, held, path, media):
    """PS3.18 §8.7: each representation, asked for by header."""
    answer = ask("GET", filled(path, held), media)
    assert answer.status == 200, answer.body[:300]
    assert_is(answer, media)


@pytest.mark.orthanc_fails(reason="does not read the accept parameter everywhere")
@pytest.mark.parametrize(("path", "media"), CELLS)
def test_200_by_parameter(ask, held, path, media):
    """PS3.18 §8.3.3.1: the query parameter goes before the header."""
    query = media.replace(" ", "").replace("+", "%2B").replace(";", "%3B").replace('"', "%22")
    answer = ask("GET", f"{filled(path, held)}?accept={query}", "application/x-something-else")
    assert answer.status == 200, answer.body[:300]
    assert_is(answer, media)


@pytest.mark.orthanc_fails(reason="does not weigh q")
@pytest.mark.parametrize(("path", "media"), CELLS)
def test_200_before_what_is_liked_less(ask, held, path, media):
    """PS3.18 §8.7.5, RFC 9110 §12.4.2: quality decides."""
    answer = ask("GET", filled(path, held), f"audio/basic;q=1.0, */*;q=0.1, {media};q=0.9")
    assert answer.status == 200
    assert answer.media() == media


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.orthanc_fails(reason="answers HEAD by 405 or with other header fields")
def test_head(ask, held, path):
    """RFC 9110 §9.3.2: what GET says, without the body."""
    got, head = (ask(verb, filled(path, held), RESOURCES[path][0]) for verb in ("GET", "HEAD"))
    assert (head.status, head.body) == (got.status, b"")
    for name in ("Content-Type", "ETag"):
        assert head.headers[name] == got.headers[name], name


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.orthanc_fails(reason="has no entity tags here")
def test_304(ask, held, path):
    """RFC 9110 §13.1.2: who has it already is told so, and nothing more; who has something else gets it."""
    where, media = filled(path, held), RESOURCES[path][0]
    if path in SEARCHES and "{study}" not in path:
        where += f"?StudyInstanceUID={held.StudyInstanceUID}"
    tag = ask("GET", where, media).headers["ETag"]
    assert tag
    for given in (tag, f'"other", {tag}', "*"):
        answer = ask("GET", where, media, If_None_Match=given)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert ask("GET", where, media, If_None_Match='"other"').status == 200


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.orthanc_fails(reason="answers 200 with an empty array")
def test_204(ask, held, path):
    """PS3.18 §10.6.3: a search that finds nothing has no content."""
    answer = ask("GET", f"{filled(path, held)}?PatientID=nobody-{data.uid()}", RESOURCES[path][0])
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(("path", "level"), PLACES)
@pytest.mark.parametrize("bad", BAD_UIDS)
@pytest.mark.orthanc_fails(reason="takes anything for a UID, and does not find it")
def test_400_for_what_is_no_uid(ask, held, path, level, bad):
    """PS3.18 §8.5, PS3.5 §9.1: each UID of each path."""
    assert_problem(ask("GET", filled(path, held, **{level: BAD_UIDS[bad]}), RESOURCES[path][0]), 400)


@pytest.mark.parametrize(("path", "level"), RETRIEVED)
@pytest.mark.orthanc_fails(reason="has no such resource, or answers 200 with an empty array, or 400")
def test_404_for_what_is_not_here(ask, held, path, level):
    """PS3.18 §8.5: each UID of each path; a UID that is kept elsewhere does not count."""
    assert_problem(ask("GET", filled(path, held, **{level: data.uid()}), RESOURCES[path][0]), 404)


@pytest.mark.parametrize(("path", "level"), [cell for cell in PLACES if cell[0] in SEARCHES])
@pytest.mark.orthanc_fails(reason="answers 200 with an empty array")
def test_204_for_a_search_below_what_is_not_here(ask, held, path, level):
    """PS3.18 §10.6.3: nothing is found."""
    assert ask("GET", filled(path, held, **{level: data.uid()}), RESOURCES[path][0]).status in (204, 404)


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("status", "verb", "path", "accept"), [
    (400, "GET", "/studies/x/metadata", "*/*"), (404, "GET", "/studies/1.2.3.4.5/metadata", "*/*"),
    (404, "GET", "/nothing/of/the/kind", "*/*"), (405, "PUT", "/studies", "*/*"), (406, "GET", "/studies", "audio/basic"),
    (415, "POST", "/studies", "*/*"),
])
def test_errors_are_problems(ask, status, verb, path, accept):
    """RFC 9457."""
    answer = ask(verb, path, accept)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert_problem(answer, status)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("path", [path for path in RESOURCES if "{frames}" in path])
@pytest.mark.parametrize(("frames", "status"), [
    ("2", 404), ("1,2", 404), ("0", 400), ("a", 400), ("1,", 400), ("-1", 400), ("4294967296", 400),
    ("1%2C1", 200),
])
def test_frames_that_are_none(ask, held, path, frames, status):
    """PS3.18 §10.4.1.1.6: frames are numbers from 1 on."""
    media = [media for media in RESOURCES[path] if media.startswith("multipart")] or RESOURCES[path]
    answer = ask("GET", filled(path, held, frames=frames), media[0])
    assert answer.status == status


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("attribute", "status"), [
    ("7FE00008", 404), ("00400275/1/7FE00010", 404), ("PixelData", 400), ("7FE0001", 400), ("7FE00010/1", 400),
    ("00400275/0/00080050", 400),
])
def test_attributes_that_are_none(ask, held, attribute, status):
    """PS3.18 §10.4.1.1.5: an attribute is named by its tag, inside of sequences by the path to it."""
    path = "/studies/{study}/series/{series}/instances/{instance}/bulkdata/{attribute}"
    assert_problem(ask("GET", filled(path, held, attribute=attribute), "application/octet-stream"), status)


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("path", "verb"), NOT_ALLOWED)
def test_405(ask, held, path, verb):
    """RFC 9110 §15.5.6: Allow tells what will do."""
    answer = ask(verb, filled(path, held))
    assert_problem(answer, 405)
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == methods(path)


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("accept", ["audio/basic", "application/dicom+json;q=0, multipart/related;q=0, audio/*"])
@pytest.mark.orthanc_fails(reason="answers 400, or with something else")
def test_406(ask, held, path, accept):
    """PS3.18 §8.7.5: nothing that is wanted is there."""
    assert_problem(ask("GET", filled(path, held), accept), 406)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("path", BELOW_A_STUDY)
def test_410(subject, ask, path):
    """RFC 9110 §15.5.11: it was here, and was deleted. A search finds nothing."""
    (item,) = stored(subject, *data.study(1, 1))
    assert ask("DELETE", f"/studies/{item.StudyInstanceUID}").status == 204
    answer = ask("GET", filled(path, item), RESOURCES[path][0])
    if path in SEARCHES:
        assert answer.status == 204
    else:
        assert_problem(answer, 410)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("path", [path for path, verbs in ((path, methods(path)) for path in RESOURCES) if "DELETE" in verbs])
def test_delete(subject, ask, path):
    """204 once, 410 after that, 404 for what never was, 400 for what is no UID."""
    (item,) = stored(subject, *data.study(1, 1))
    for level in levels(path):
        assert_problem(ask("DELETE", filled(path, item, **{level: data.uid()})), 404)
        assert_problem(ask("DELETE", filled(path, item, **{level: "1.x"})), 400)
    assert ask("DELETE", filled(path, item)).status == 204
    assert_problem(ask("DELETE", filled(path, item)), 410)


STORES = ["/studies", "/studies/{study}"]


@pytest.mark.parametrize("path", STORES)
def test_store_200(ask, held, path):
    """PS3.18 §10.5.3: all are kept."""
    item = data.instance()
    body, kind = multipart([data.file_of(item)])
    answer = ask("POST", filled(path, item), "application/dicom+json", body, Content_Type=kind)
    assert answer.status == 200, answer.body[:300]
    assert "00081199" in json.loads(answer.body)


@pytest.mark.parametrize("path", STORES)
@pytest.mark.orthanc_fails(reason="answers 200 with a report of what failed")
def test_store_202(ask, held, path):
    """PS3.18 §10.5.3: some are kept."""
    item = data.instance()
    body, kind = multipart([data.file_of(item), b"this is no instance"])
    answer = ask("POST", filled(path, item), "application/dicom+json", body, Content_Type=kind)
    assert answer.status == 202
    report = json.loads(answer.body)
    assert "00081199" in report and ("00081198" in report or "0008119A" in report)


@pytest.mark.parametrize("path", STORES)
@pytest.mark.orthanc_fails(reason="answers 200 or 400")
def test_store_409(ask, held, path):
    """PS3.18 §10.5.3: none is kept."""
    body, kind = multipart([b"this is no instance"])
    assert ask("POST", filled(path, held), "application/dicom+json", body, Content_Type=kind).status == 409


@pytest.mark.orthanc_fails(reason="answers 200 with a report of what failed")
def test_store_409_into_another_study(ask, held):
    """PS3.18 §10.5.1: what belongs to another study is not kept."""
    item = data.instance()
    body, kind = multipart([data.file_of(item)])
    answer = ask("POST", f"/studies/{held.StudyInstanceUID}", "application/dicom+json", body, Content_Type=kind)
    assert answer.status == 409
    assert ask("GET", filled("/studies/{study}/metadata", item), "application/dicom+json").status == 404


@pytest.mark.parametrize("path", STORES)
@pytest.mark.parametrize(("kind", "status"), [
    ("multipart/related; type=\"application/dicom\"", 400), ("multipart/related; type=\"application/dicom\"; boundary=x", 400),
    ("text/plain", 415), ("image/jpeg", 415), ("multipart/form-data; boundary=x", 415),
])
@pytest.mark.orthanc_fails(reason="answers 400 to all of them")
def test_store_of_something_else(ask, held, path, kind, status):
    """PS3.18 §10.5.3: 400 for a body that is not what it is called, 415 for what is not taken."""
    assert_problem(ask("POST", filled(path, held), "application/dicom+json", b"x", Content_Type=kind), status)


@pytest.mark.parametrize("path", STORES)
@pytest.mark.orthanc_fails(reason="keeps what it is sent before it looks at Accept")
def test_store_406(ask, held, path):
    """PS3.18 §8.7.5: nothing is kept when the report would please nobody."""
    item = data.instance()
    body, kind = multipart([data.file_of(item)])
    assert_problem(ask("POST", filled(path, item), "audio/basic", body, Content_Type=kind), 406)
    assert ask("GET", filled("/studies/{study}/metadata", item), "application/dicom+json").status == 404


# Storage commitment (PS3.18 §13), which Orthanc has by an interface of its own.

COMMITMENT, = COMMITMENTS
COMMITMENT_MEDIA = COMMITMENTS[COMMITMENT]


@pytest.fixture
def module(held):
    """A request for commitment to the instance, and a transaction of its own."""
    held.TransactionUID = data.uid()
    return as_json(flat(held))


@pytest.mark.only("causeway")
@pytest.mark.parametrize("media", COMMITMENT_MEDIA)
def test_commitment_200(ask, held, module, media):
    """PS3.18 §13.4.3, §13.5.3: each representation of the result, of the request and of the check."""
    answers = [ask("POST", filled(COMMITMENT, held), media, module, Content_Type=JSON)]
    if answers[0].status == 202:  # the instance is on its way into the store
        time.sleep(int(answers.pop().headers["Retry-After"]))
    answers.append(ask("GET", filled(COMMITMENT, held), media))
    query = media.replace(" ", "").replace("+", "%2B").replace(";", "%3B").replace('"', "%22")
    answers.append(ask("GET", f"{filled(COMMITMENT, held)}?accept={query}", "application/x-something-else"))
    answers.append(ask("GET", filled(COMMITMENT, held), f"audio/basic;q=1.0, */*;q=0.1, {media};q=0.9"))
    for answer in answers:
        assert answer.status == 200, answer.body[:300]
        assert_is(answer, media, dict)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("media", COMMITMENT_MEDIA)
def test_commitment_head(ask, held, module, media):
    """RFC 9110 §9.3.2."""
    ask("POST", filled(COMMITMENT, held), media, module, Content_Type=JSON)
    got, head = (ask(verb, filled(COMMITMENT, held), media) for verb in ("GET", "HEAD"))
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.only("causeway")
@pytest.mark.parametrize("bad", BAD_UIDS)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_commitment_400_for_what_is_no_uid(ask, held, module, verb, bad):
    """PS3.18 §13.4.3, PS3.5 §9.1."""
    path = filled(COMMITMENT, held, transaction=BAD_UIDS[bad])
    assert_problem(ask(verb, path, JSON, module if verb == "POST" else b"", Content_Type=JSON), 400)


@pytest.mark.only("causeway")
def test_commitment_404(ask, held):
    """PS3.18 §13.5.3."""
    assert_problem(ask("GET", filled(COMMITMENT, held, transaction=data.uid()), JSON), 404)


@pytest.mark.only("causeway")
@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("accept", ["audio/basic", "application/dicom+json;q=0, multipart/related;q=0, audio/*"])
def test_commitment_406(ask, held, module, verb, accept):
    """PS3.18 §8.7.5."""
    assert_problem(ask(verb, filled(COMMITMENT, held), accept, module if verb == "POST" else b"", Content_Type=JSON), 406)


@pytest.mark.only("causeway")
def test_commitment_409(ask, held, module):
    """PS3.18 §13.4.3: the Transaction UID is in use."""
    assert ask("POST", filled(COMMITMENT, held), JSON, module, Content_Type=JSON).status in (200, 202)
    assert_problem(ask("POST", filled(COMMITMENT, held), JSON, module, Content_Type=JSON), 409)


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("kind", "status"), [
    (JSON, 400), ("application/dicom+xml", 400), (f"multipart/related; type=\"{JSON}\"", 400),
    (f"multipart/related; type=\"{JSON}\"; boundary=x", 400), ("multipart/related; boundary=x", 415),
    ("multipart/related; type=\"application/dicom\"; boundary=x", 415), ("application/json", 415), ("text/plain", 415),
    ("application/dicom", 415),
])
def test_commitment_of_something_else(ask, held, module, kind, status):
    """PS3.18 §13.4.3, §8.5: 400 for a body that is not what it is called, 415 for what is not taken."""
    assert_problem(ask("POST", filled(COMMITMENT, held), JSON, b"x", Content_Type=kind), status)


@pytest.fixture(scope="module")
def guarded(request):
    """A server that asks everyone for a token, one that may search only, and an instance that is there."""
    from subjects.causeway import Causeway

    many = "100000"  # for each cell comes three times without a good token, within a few seconds
    subject = Causeway(settings={
        "CAUSEWAY_WEB__AUTHENTICATION": "required", "CAUSEWAY_WEB__LIMITS__REFUSALS_PER_SECOND": many,
    })
    for name, may in (("searcher", "query"), ("owner", "query,retrieve,store,delete,commit")):
        made = subject.run_alone("token", "add", name, "--allow", may)
        setattr(subject, name, next(word for word in made.split() if len(word) > 30))
    subject.start()
    request.addfinalizer(subject.remove)
    (item,) = stored(subject, *data.study(1, 1))
    item.TransactionUID = data.uid()
    owner = {"Authorization": f"Bearer {subject.owner}"}
    # Of nothing that is here, so that it is decided at once.
    assert inquire(subject.dicomweb, item.TransactionUID, flat(data.instance()), **owner).status_code == 200
    return subject, item


ALL_METHODS = [(path, verb) for path in EVERYTHING for verb in METHODS if verb in methods(path)]


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("path", "verb"), ALL_METHODS)
@pytest.mark.parametrize("client", CLIENTS)
def test_401(guarded, path, verb, client):
    """PS3.18 §8.5, RFC 9110 §11.6.1: no credentials, or unknown ones; nothing is told of what is there."""
    subject, item = guarded
    for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic YTpi"}):
        answer = CLIENTS[client](verb, subject.dicomweb + filled(path, item), headers, b"")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.only("causeway")
@pytest.mark.parametrize(("path", "verb"), [cell for cell in ALL_METHODS if cell[1] != "OPTIONS"])
@pytest.mark.parametrize("client", CLIENTS)
def test_403(guarded, path, verb, client):
    """PS3.18 §8.5: who may search may neither retrieve nor store nor delete nor have it committed, whether it is there or not."""
    subject, item = guarded
    body, kind = multipart([data.file_of(data.instance())])
    headers = {"Authorization": f"Bearer {subject.searcher}", "Content-Type": kind}
    wanted = (200,) if path in SEARCHES and verb != "POST" else (403,)
    for target in (item, data.instance()):
        url = subject.dicomweb + filled(path, target)
        answer = CLIENTS[client](verb, url, headers, body if verb == "POST" else b"")
        assert answer.status in (wanted if target is item else (*wanted, 204)), answer.body[:300]


@pytest.mark.only("causeway")
@pytest.mark.parametrize("path", EVERYTHING)
def test_a_token_that_may_is_let_in(guarded, path):
    """The same requests, with leave."""
    subject, item = guarded
    headers = {"Authorization": f"Bearer {subject.owner}", "Accept": (RESOURCES | COMMITMENTS)[path][0]}
    assert by_socket("GET", subject.dicomweb + filled(path, item), headers).status == 200

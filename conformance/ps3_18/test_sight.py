"""A caller that sees some studies only: for it the others are not there, whatever it asks and by whichever door."""

import json

import pytest
import requests
from pynetdicom.sop_class import CTImageStorage
from pynetdicom.sop_class import StorageCommitmentPushModel as COMMITMENT

import commitment
import data
from clients import (
    JSON, REFERENCED_SOP_SEQUENCE, Receiver, associate, failed_uids, find, get, identifier, move, multipart, store, stored, value,
)
from provider import Provider

pytestmark = pytest.mark.only("causeway")

NOT_AUTHORIZED = 0x0124

STUDY = ["", "/metadata", "/rendered", "/thumbnail", "/series", "/instances", "/bulkdata", "/bulkdata/7FE00010", "/pixeldata"]
SERIES = ["", "/metadata", "/rendered", "/thumbnail", "/instances", "/bulkdata", "/pixeldata"]
INSTANCE = [
    "", "/metadata", "/rendered", "/thumbnail", "/frames/1", "/frames/1,2", "/frames/1/rendered", "/frames/1/thumbnail",
    "/bulkdata", "/bulkdata/7FE00010", "/bulkdata/00080005", "/pixeldata",
]
#: Every resource of a study, of its series and of its instance.
RESOURCES = (
    [f"/studies/{{study}}{it}" for it in STUDY]
    + [f"/studies/{{study}}/series/{{series}}{it}" for it in SERIES]
    + [f"/studies/{{study}}/series/{{series}}/instances/{{instance}}{it}" for it in INSTANCE]
)
ACCEPTS = ["*/*", JSON, "application/dicom+xml", "application/zip", "image/jpeg", 'multipart/related; type="application/dicom"',
           'multipart/related; type="application/octet-stream"']
#: Header fields that are another in every answer.
FLEETING = {"date", "x-request-id", "content-length"}


class Scene:
    """A node with one study that is seen, one that is not, and one of the same patient whose issuer is another."""

    def __init__(self, node):
        self.node = node
        node.run("remote", "add", "ct1", "--ae-title", "CT1", "--allow", "store,query,retrieve,commit", "--sees", "own")
        node.run("remote", "add", "mr1", "--ae-title", "MR1", "--allow", "store,query,retrieve,commit")
        patient = data.patient_id()
        about = {"PatientID": patient, "IssuerOfPatientID": "HOSPITAL"}
        self.seen = stored(node, *data.study(1, 2, **about), calling="CT1")
        self.hidden = stored(node, *data.study(1, 3, PatientID=data.patient_id()), calling="MR1")
        self.other = stored(node, *data.study(1, 1, PatientID=patient, IssuerOfPatientID="ELSEWHERE"), calling="MR1")
        self.patient = patient
        self.tokens = {
            "study": self.token("study", "--study", self.seen[0].StudyInstanceUID),
            "patient": self.token("patient", "--patient", f"{patient}^^^HOSPITAL"),
            "remote": self.token("remote", "--from", "ct1"),
        }
        self.all = self.token("all")

    def token(self, name, *sees, allow="query,retrieve,store,delete,commit"):
        """A new token."""
        return self.node.run("token", "add", name, "--allow", allow, *sees).strip()

    def ask(self, token, path, method="GET", root=None, **more):
        """A request with this token."""
        headers = {"Accept": JSON, **more.pop("headers", {}), "Authorization": f"Bearer {token}"}
        return requests.request(method, (root or self.node.dicomweb) + path, headers=headers, timeout=60, **more)


@pytest.fixture(scope="module")
def scene(make_own_subject):
    return Scene(make_own_subject())


@pytest.fixture(params=["study", "patient", "remote"])
def token(scene, request):
    """Each way of seeing one study only."""
    return scene.tokens[request.param]


def filled(template, item, **other):
    """The path of a resource of this instance."""
    named = {"study": item.StudyInstanceUID, "series": item.SeriesInstanceUID, "instance": item.SOPInstanceUID, **other}
    return template.format(**named)


def never():
    """UIDs of what never was."""
    return {"study": data.uid(), "series": data.uid(), "instance": data.uid()}


def told(answer, uids):
    """All that an answer tells, but for the UIDs that were asked for and what is another in every answer."""
    def plain(text):
        for uid in uids:
            text = text.replace(str(uid), "UID")
        return text

    headers = {name.lower(): plain(text) for name, text in answer.headers.items() if name.lower() not in FLEETING}
    return answer.status_code, headers, plain(answer.text)


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_hidden_study_is_answered_as_one_that_never_was(scene, token, method, accept):
    """PS3.18 §8.5: 404, to the letter, for every resource."""
    item = scene.hidden[0]
    hidden = {"study": item.StudyInstanceUID, "series": item.SeriesInstanceUID, "instance": item.SOPInstanceUID}
    for template in RESOURCES:
        unknown = never()
        answers = [
            told(scene.ask(token, template.format(**uids), method, headers={"Accept": accept}), uids.values())
            for uids in (hidden, unknown)
        ]
        assert answers[0] == answers[1], f"{method} {template}"
        assert answers[0][0] in (204, 404, 405, 406), f"{method} {template}: {answers[0]}"
    assert len(scene.ask(scene.all, f"/studies/{item.StudyInstanceUID}/instances").json()) == 3, "nothing was deleted"


def test_every_resource_is_there_for_who_sees_it_and_404_for_who_does_not(scene, token):
    """What the test above asks for is something, and a search that finds nothing is 204."""
    there = 0
    for template in RESOURCES:
        def status(item, caller):
            return scene.ask(caller, filled(template, item), headers={"Accept": "*/*"}).status_code  # noqa: B023

        known = status(scene.hidden[0], scene.all)
        assert status(scene.seen[0], token) == known, template
        if known == 200:
            there += 1
            is_search = template.endswith(("/series", "/instances"))
            assert status(scene.hidden[0], token) == (204 if is_search else 404), template
    assert there >= 18, "most of the resources have something to give"


def test_a_hidden_series_or_instance_under_a_study_that_is_seen_is_not_there(scene, token):
    """Each UID of the path belongs to the one before it."""
    seen, hidden = scene.seen[0], scene.hidden[0]
    both = {"series": hidden.SeriesInstanceUID, "instance": hidden.SOPInstanceUID}
    for template in (it for it in RESOURCES if "{series}" in it):
        for names in [("series", "instance")] + [("instance",)] * ("{instance}" in template):
            other, unknown = {name: both[name] for name in names}, {name: data.uid() for name in names}
            for method in ("GET", "DELETE"):
                answers = [
                    told(scene.ask(token, filled(template, seen, **uids), method), uids.values())
                    for uids in (other, unknown)
                ]
                assert answers[0] == answers[1], f"{method} {template}"
                assert answers[0][0] in (204, 404, 405, 406), f"{method} {template}: {answers[0]}"


def test_the_uri_service_shows_nothing_hidden(scene, token):
    """PS3.18 §9."""
    def asked(item, caller, **other):
        return scene.ask(
            caller, "/wado", root=scene.node.url, headers={"Accept": "*/*"}, params={
                "requestType": "WADO", "contentType": "application/dicom", "studyUID": item.StudyInstanceUID,
                "seriesUID": item.SeriesInstanceUID, "objectUID": item.SOPInstanceUID, **other,
            },
        )

    hidden = scene.hidden[0]
    assert asked(hidden, scene.all).status_code == 200
    assert asked(scene.seen[0], token).status_code == 200
    unknown = never()
    uids = {"studyUID": unknown["study"], "seriesUID": unknown["series"], "objectUID": unknown["instance"]}
    known = (hidden.StudyInstanceUID, hidden.SeriesInstanceUID, hidden.SOPInstanceUID)
    assert told(asked(hidden, token), known) == told(asked(hidden, token, **uids), unknown.values())
    assert asked(hidden, token).status_code == 404


def test_searches_find_and_count_what_is_seen_only(scene, token):
    """PS3.18 §10.6, at every level, by every key."""
    seen = {str(item.StudyInstanceUID) for item in scene.seen}

    def found(path, caller=token):
        answer = scene.ask(caller, path)
        return answer.json() if answer.status_code == 200 else []

    for path in ("/studies", "/series", "/instances"):
        assert {value(it, "0020000D") for it in found(path)} == seen, path
        assert len({value(it, "0020000D") for it in found(path, scene.all)}) == 3
    hidden = scene.hidden[0]
    for path in (
        f"/studies?StudyInstanceUID={hidden.StudyInstanceUID}", f"/studies?PatientID={hidden.PatientID}",
        f"/studies?PatientName={hidden.PatientName}&StudyInstanceUID={hidden.StudyInstanceUID}",
        f"/series?SeriesInstanceUID={hidden.SeriesInstanceUID}", f"/instances?SOPInstanceUID={hidden.SOPInstanceUID}",
        f"/studies/{hidden.StudyInstanceUID}/series", f"/studies/{hidden.StudyInstanceUID}/instances",
        f"/studies?StudyInstanceUID={scene.other[0].StudyInstanceUID}",
    ):
        assert found(path) == [], path
        assert found(path, scene.all), path
    assert len(found("/studies?limit=1")) == 1
    assert found("/studies?limit=1&offset=1") == []
    (one,) = found(f"/studies?PatientID={scene.patient}&includefield=00201200,00201202,00201204,00201208")
    assert (value(one, "00201200"), value(one, "00201202"), value(one, "00201204")) == (1, 1, 2)
    assert (value(one, "00201208")) == 2


def test_who_sees_nothing_sees_nothing(scene):
    """A remote that never sent anything."""
    token = scene.token("nothing", "--from", "nobody")
    for path in ("/studies", "/series", "/instances"):
        assert scene.ask(token, path).status_code == 204
    assert scene.ask(token, f"/studies/{scene.seen[0].StudyInstanceUID}/metadata").status_code == 404


def test_what_is_given_more_than_once_adds_up(scene):
    """Several studies, and other reasons beside them."""
    token = scene.token(
        "several", "--study", scene.hidden[0].StudyInstanceUID, "--study", data.uid(), "--patient", f"{scene.patient}^^^ELSEWHERE",
    )
    found = {value(it, "0020000D") for it in scene.ask(token, "/studies").json()}
    assert found == {str(scene.hidden[0].StudyInstanceUID), str(scene.other[0].StudyInstanceUID)}


def test_an_id_without_its_issuer_is_another_patient(scene):
    """PS3.3 §C.7.1.1: an ID means something together with who issued it."""
    token = scene.token("unissued", "--patient", scene.patient)
    assert scene.ask(token, "/studies").status_code == 204


def test_what_was_deleted_is_404_and_not_410_for_who_may_not_have_seen_it(scene, token):
    """410 would say that it was here."""
    gone = stored(scene.node, *data.study(1, 1))[0]
    path = f"/studies/{gone.StudyInstanceUID}/metadata"
    assert scene.ask(scene.all, path.removesuffix("/metadata"), "DELETE").status_code == 204
    assert scene.ask(scene.all, path).status_code == 410
    uids = never()
    assert told(scene.ask(token, path), [gone.StudyInstanceUID]) == told(
        scene.ask(token, f"/studies/{uids['study']}/metadata"), uids.values(),
    )
    assert scene.ask(token, path).status_code == 404


def test_storing_is_confined_as_seeing_is(scene, token):
    """Neither to what is hidden, nor where it would be hidden at once; and the refusal does not say which it is."""
    def stow(item):
        body, content_type = multipart([data.file_of(item)])
        return scene.ask(token, "/studies", "POST", data=body, headers={"Content-Type": content_type})

    hidden, seen = scene.hidden[0], scene.seen[0]
    to_hidden = data.instance(StudyInstanceUID=hidden.StudyInstanceUID, SeriesInstanceUID=hidden.SeriesInstanceUID)
    to_new = data.instance()
    replacing = data.instance(SOPInstanceUID=hidden.SOPInstanceUID)
    answers = []
    for item in (to_hidden, to_new, replacing):
        answer = stow(item)
        assert answer.status_code == 409
        (failed,) = answer.json()["00081198"]["Value"]
        assert value(failed, "00081197") == NOT_AUTHORIZED
        answers.append(told(answer, [item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID]))
    assert answers[0] == answers[1] == answers[2]
    assert len(scene.ask(scene.all, f"/studies/{hidden.StudyInstanceUID}/instances").json()) == 3
    if token != scene.tokens["remote"]:
        own = data.instance(
            StudyInstanceUID=seen.StudyInstanceUID, PatientID=scene.patient, IssuerOfPatientID="HOSPITAL",
        )
        answer = stow(own)
        assert answer.status_code == 200 and REFERENCED_SOP_SEQUENCE in answer.json(), answer.text
        path = f"/studies/{own.StudyInstanceUID}/series/{own.SeriesInstanceUID}"
        assert scene.ask(token, path, "DELETE").status_code == 204


def test_who_is_confined_to_a_patient_cannot_take_another_patients_study(scene):
    """A data set that names the own patient, and another's study."""
    stolen = data.instance(
        StudyInstanceUID=scene.hidden[0].StudyInstanceUID, PatientID=scene.patient, IssuerOfPatientID="HOSPITAL",
    )
    body, content_type = multipart([data.file_of(stolen)])
    answer = scene.ask(scene.tokens["patient"], "/studies", "POST", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 409
    assert scene.ask(scene.tokens["patient"], f"/studies/{stolen.StudyInstanceUID}/metadata").status_code == 404


def test_who_is_confined_is_no_administrator(scene, token):
    """Queues, remotes, routes and the worklist tell of every study."""
    answer = requests.put(
        f"{scene.node.url}/api/v1/tokens/both", json={"allow": ["admin"], "sees": {"studies": ["1.2.3"]}}, timeout=30,
    )
    assert answer.status_code == 400 and answer.json()["field"] == "sees"
    for path in ("/api/v1/remotes", "/api/v1/tokens", "/api/v1/worklist", "/api/v1/doctor", "/api/v1/queue"):
        assert scene.ask(token, path, root=scene.node.url).status_code in (403, 404), path
    shown = {it["name"]: it.get("sees") for it in json.loads(scene.node.run("token", "list", "--json"))}
    assert shown["all"] is None and shown["remote"] == {"remotes": ["ct1"]}


def test_a_token_stays_confined_through_a_restart(make_subject):
    """What it sees is kept with it."""
    scene = Scene(make_subject())
    scene.node.restart()
    for token in scene.tokens.values():
        found = scene.ask(token, "/studies").json()
        assert [value(it, "0020000D") for it in found] == [str(scene.seen[0].StudyInstanceUID)]


# Over DIMSE.

def test_a_remote_finds_and_is_given_its_own_only(scene):
    """PS3.4 §C.4: C-FIND at every level of both roots, C-GET and C-MOVE."""
    hidden, seen = scene.hidden[0], scene.seen[0]
    for item, calling, there in ((hidden, "CT1", False), (seen, "CT1", True), (hidden, "MR1", True)):
        study, series = str(item.StudyInstanceUID), str(item.SeriesInstanceUID)
        queries = [
            ("STUDY", identifier("STUDY", StudyInstanceUID=study)),
            ("STUDY", identifier("STUDY", StudyInstanceUID="", PatientID=item.PatientID)),
            ("STUDY", identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID="")),
            ("STUDY", identifier("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID="")),
            ("PATIENT", identifier("PATIENT", PatientID=item.PatientID, PatientName="")),
            ("PATIENT", identifier("STUDY", PatientID=item.PatientID, StudyInstanceUID="")),
        ]
        for root, query in queries:
            status, found = find(scene.node, query, root, calling)
            assert status == 0x0000
            assert bool(found) == there, f"{calling} {query}"
        got = get(scene.node, identifier("STUDY", StudyInstanceUID=study), [CTImageStorage], calling=calling)
        assert got.status.Status == 0x0000
        assert bool(got.given) == there
        with Receiver("RECEIVER") as receiver:
            scene.node.run("remote", "add", "receiver", "--ae-title", "RECEIVER", "--host", "127.0.0.1", "--port", str(receiver.port))
            status, failed, _ = move(scene.node, identifier("STUDY", StudyInstanceUID=study), "RECEIVER", calling=calling)
            assert status.Status == 0x0000 and failed_uids(failed) == set()
            assert bool(receiver.arrivals) == there


def test_a_patients_counts_leave_out_what_is_hidden(scene):
    """PS3.4 §C.6.1.1.2: Number of Patient Related Studies."""
    patient = data.patient_id()
    for calling in ("CT1", "MR1", "MR1"):
        stored(scene.node, *data.study(1, 1, PatientID=patient), calling=calling)
    query = identifier("PATIENT", PatientID=patient, NumberOfPatientRelatedStudies="")
    for calling, expected in (("CT1", 1), ("MR1", 3)):
        _, (found,) = find(scene.node, query, "PATIENT", calling)
        assert int(found.NumberOfPatientRelatedStudies) == expected


def test_a_remote_adds_to_its_own_studies_and_begins_new_ones_and_no_more(scene):
    """0124H for another's study, and for an instance that another's study has; nothing of it is kept."""
    hidden = scene.hidden[0]
    to_hidden = data.instance(StudyInstanceUID=hidden.StudyInstanceUID, SeriesInstanceUID=hidden.SeriesInstanceUID)
    replacing = data.instance(SOPInstanceUID=hidden.SOPInstanceUID)
    assert store(scene.node, to_hidden, replacing, calling="CT1") == [NOT_AUTHORIZED] * 2
    own = stored(scene.node, *data.study(1, 1), calling="CT1")[0]
    stored(scene.node, data.instance(StudyInstanceUID=own.StudyInstanceUID), calling="CT1")
    # Another that sees everything may add to it; it stays with whom it began.
    stored(scene.node, data.instance(StudyInstanceUID=own.StudyInstanceUID), calling="MR1")
    status, found = find(scene.node, identifier("SERIES", StudyInstanceUID=own.StudyInstanceUID), calling="CT1")
    assert status == 0x0000 and len(found) == 3
    scene.node.restart()
    assert len(scene.ask(scene.all, f"/studies/{hidden.StudyInstanceUID}/instances").json()) == 3


def test_what_is_hidden_is_committed_to_as_what_never_was(scene):
    """PS3.3 §C.14.1.1: 0112H, no such object instance."""
    unknown = data.instance()
    for calling, lacking in (("CT1", [scene.hidden[0], unknown]), ("MR1", [unknown])):
        ear = commitment.Ear()
        asked = [scene.seen[0], scene.hidden[0], unknown]
        with associate(scene.node, [COMMITMENT], calling=calling, evt_handlers=ear.handlers) as association:
            assert commitment.ask(association, commitment.request(data.uid(), asked)) == 0x0000
            result = ear.result()
        assert result.failed == {str(item.SOPInstanceUID): 0x0112 for item in lacking}


# By the claims of an identity provider.

def test_claims_say_what_a_bearer_sees(make_subject):
    """Lists of studies, patients and remotes; silence shows nothing, a star everything."""
    provider = Provider()
    scene = Scene(make_subject(settings=provider.settings(
        studies_claim="https://example.org/studies", patients_claim="fhir.patient", remotes_claim="sites",
    )))
    seen, hidden = str(scene.seen[0].StudyInstanceUID), str(scene.hidden[0].StudyInstanceUID)
    other = str(scene.other[0].StudyInstanceUID)
    for claims, expected in (
        ({}, set()),
        ({"https://example.org/studies": [seen, "not a UID", 7]}, {seen}),
        ({"https://example.org/studies": hidden}, {hidden}),
        ({"fhir": {"patient": f"{scene.patient}^^^HOSPITAL&1.2.3&ISO"}}, {seen}),
        ({"fhir": {"patient": [f"{scene.patient}^^^ELSEWHERE"]}, "sites": ["ct1"]}, {other, seen}),
        ({"sites": ["mr1"]}, {hidden, other}),
        ({"sites": "*"}, {seen, hidden, other}),
        ({"sites": {"*": "*"}, "fhir": [], "https://example.org/studies": None}, set()),
        ({"sites": ["' OR 1=1 --", "%", "ct"], "fhir": {"patient": ["%", "*x", "^^^HOSPITAL"]}}, set()),
    ):
        answer = scene.ask(provider.token(**claims), "/studies")
        found = {value(it, "0020000D") for it in answer.json()} if answer.status_code == 200 else set()
        assert found == expected, claims
    many = [data.uid() for _ in range(150)]
    found = scene.ask(provider.token(**{"https://example.org/studies": [*many, seen]}), "/studies").json()
    assert [value(it, "0020000D") for it in found] == [seen]
    provider.stop()

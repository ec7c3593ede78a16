"""PS3.18 §8.9 and annex H: what a server says can be asked of it, held against what it answers."""

import json
import subprocess
from xml.etree import ElementTree

import pytest
import requests

import data
from clients import stored
from inquiries import ask, flat

pytestmark = pytest.mark.only("causeway")

WADL = "application/vnd.sun.wadl+xml"
SPACE = "{http://wadl.dev.java.net/2009/02}"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture(scope="module")
def held(subject):
    """One instance, and a request for commitment that is decided."""
    (item,) = stored(subject, *data.study(1, 1))
    item.TransactionUID = data.uid()
    assert ask(subject.dicomweb, item.TransactionUID, flat(data.instance())).status_code == 200
    return item


def options(subject, path="/", accept="application/json", **headers):
    """OPTIONS of a path below the root."""
    answer = requests.options(subject.dicomweb + path, headers={"Accept": accept, **headers}, timeout=20)
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:300]}"
    return answer


def described(subject):
    """Each resource's path with its methods, from the JSON form."""
    found = {}

    def walk(resources, above):
        for resource in resources:
            path = f"{above}/{resource['@path']}"
            found[path] = resource.get("method", [])
            walk(resource.get("resource", []), path)

    walk(options(subject).json()["application"]["resources"]["resource"], "")
    return {path: methods for path, methods in found.items() if methods}


def named(path, item):
    """The path with the UIDs of an instance."""
    names = {
        "study": item.StudyInstanceUID, "series": item.SeriesInstanceUID, "instance": item.SOPInstanceUID,
        "transaction": item.get("TransactionUID", "1.2.3"),
    }
    for name, uid in names.items():
        path = path.replace(f"{{{name}}}", uid)
    return path.replace("{frames}", "1").replace("{attribute}", "7FE00010")


def test_the_base_describes_every_resource_of_the_studies_service(subject):
    """PS3.18 table H-1."""
    found = described(subject)
    assert {"/studies", "/studies/{study}", "/studies/{study}/metadata", "/studies/{study}/series"} <= set(found)
    instance = "/studies/{study}/series/{series}/instances/{instance}"
    assert {instance, f"{instance}/metadata", "/series", "/instances"} <= set(found)
    assert [method["@name"] for method in found["/commitment-requests/{transaction}"]] == ["GET", "POST"]
    assert [method["@name"] for method in found["/studies"]] == ["GET", "POST"]


@pytest.mark.parametrize("path", ["", "/"])
def test_wadl_and_json_tell_the_same(subject, path):
    """PS3.18 §8.9.4 and annex G: both media types, WADL by default."""
    for accept in (WADL, "*/*", f"application/json;q=0.5, {WADL}"):
        answer = options(subject, path, accept)
        assert answer.headers["Content-Type"] == WADL
        root = ElementTree.fromstring(answer.content)
        assert root.tag == f"{SPACE}application"
    base = root.find(f"{SPACE}resources").get("base")
    told = options(subject, path).json()["application"]["resources"]
    assert told["@base"] == base == subject.dicomweb
    names = [method.get("id") for method in root.iter(f"{SPACE}method")]
    assert len(names) == len(set(names))
    assert names == [method["@id"] for methods in _in_order(told) for method in methods]


def _in_order(resource):
    for child in resource.get("resource", []):
        yield child.get("method", [])
        yield from _in_order(child)


def test_what_is_neither_is_406(subject):
    """PS3.18 §8.7.8.1."""
    answer = requests.options(subject.dicomweb + "/", headers={"Accept": "application/dicom+json"}, timeout=20)
    assert answer.status_code == 406


def test_a_known_description_is_not_sent_again(subject):
    """PS3.18 table 8.9.3-1: 304."""
    tag = options(subject).headers["ETag"]
    answer = requests.options(
        subject.dicomweb + "/", headers={"Accept": "application/json", "If-None-Match": tag}, timeout=20,
    )
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_resource_describes_itself_and_what_is_below_it(subject, held):
    """PS3.18 annex H: a resource element for the target of the request."""
    path = f"/studies/{held.StudyInstanceUID}"
    told = options(subject, path).json()["application"]["resources"]["resource"]
    assert [resource["@path"] for resource in told] == ["studies/{study}"]
    assert {method["@name"] for method in told[0]["method"]} == {"GET", "POST", "DELETE"}
    assert {"metadata", "series", "instances"} <= {child["@path"] for child in told[0]["resource"]}


def test_each_resource_answers_the_methods_that_it_is_said_to_have_and_no_others(subject, held):
    """PS3.18 annex H and §8.5: what is not described is 405, with Allow as OPTIONS has it."""
    for path, methods in described(subject).items():
        verbs = {method["@name"] for method in methods}
        verbs |= {"HEAD"} if "GET" in verbs else set()
        allow = options(subject, named(path, held)).headers["Allow"]
        assert {verb.strip() for verb in allow.split(",")} == verbs | {"OPTIONS"}, path
        for verb in METHODS:
            # What would be deleted, or stored into, is not there; and nothing is stored.
            target = held if verb in ("GET", "HEAD") else data.instance()
            answer = requests.request(
                verb, subject.dicomweb + named(path, target), headers={"Accept": "*/*"}, timeout=20, stream=True,
            )
            answer.close()
            if verb not in verbs:
                assert answer.status_code == 405, f"{verb} {path}"
                assert set(answer.headers["Allow"].split(",")) == set(allow.split(",")), f"{verb} {path}"
            elif verb in ("GET", "HEAD"):
                assert answer.status_code in (200, 204, 206), f"{verb} {path}: {answer.status_code}"
            else:
                assert answer.status_code in (404, 415), f"{verb} {path}: {answer.status_code}"


def test_each_media_type_that_is_offered_is_given(subject, held):
    """PS3.18 annex H: representations, and 406 for what is not among them."""
    for path, methods in described(subject).items():
        for method in methods:
            if method["@name"] != "GET":
                continue
            url = subject.dicomweb + named(path, held)
            offered = [one["@mediaType"] for one in method["response"][0]["representation"]]
            assert [one["@value"] for one in method["request"]["param"][0]["option"]] == offered
            for media in offered:
                answer = requests.get(url, headers={"Accept": media}, timeout=20)
                assert answer.status_code == 200, f"{media} of {path}: {answer.status_code} {answer.text[:200]}"
                assert answer.headers["Content-Type"].startswith(media), f"{media} of {path}"
            assert requests.get(url, headers={"Accept": "audio/basic"}, timeout=20).status_code == 406, path


def test_each_query_parameter_of_a_search_is_taken(subject, held):
    """PS3.18 §B.26: each key by its keyword and by its tag; none is refused, and none is warned of."""
    count = 0
    for path in ("/studies", "/series", "/instances"):
        (search,) = [method for method in described(subject)[path] if method["@name"] == "GET"]
        for parameter in search["request"]["param"]:
            if parameter["@style"] != "query" or parameter["@name"] == "accept":
                continue
            values = [option["@value"] for option in parameter.get("option", [])]
            for text in values or (["1"] if parameter.get("@type") == "xs:int" else [""]):
                answer = requests.get(
                    subject.dicomweb + path, params={parameter["@name"]: text, "StudyInstanceUID": held.StudyInstanceUID}
                    if parameter["@name"] not in ("StudyInstanceUID", "0020000D") else {parameter["@name"]: text},
                    headers={"Accept": "application/dicom+json"}, timeout=20,
                )
                assert answer.status_code in (200, 204), f"{path}?{parameter['@name']}: {answer.text[:200]}"
                assert "not supported" not in answer.headers.get("Warning", ""), f"{path}?{parameter['@name']}"
                count += 1
    assert count > 100


@pytest.mark.parametrize("path", ["/", "/studies", "/studies/1.2/metadata"])
def test_head_is_what_get_is_without_its_body(subject, held, path):
    """RFC 9110 §9.3.2."""
    path = path.replace("1.2", held.StudyInstanceUID)
    url = subject.dicomweb + path + ("?StudyInstanceUID=" + held.StudyInstanceUID if path == "/studies" else "")
    head, get = (requests.request(verb, url, headers={"Accept": "application/json"}, timeout=20) for verb in ("HEAD", "GET"))
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Allow"):
        assert head.headers.get(name) == get.headers.get(name), name


def test_curl(subject):
    """PS3.18 §8.9: a client of another make."""
    found = subprocess.run(
        ["curl", "-sS", "-X", "OPTIONS", "-H", "Accept: application/json", subject.dicomweb + "/studies"],
        check=True, capture_output=True, timeout=20,
    )
    assert json.loads(found.stdout)["application"]["resources"]["resource"][0]["@path"] == "studies"


def test_a_preflight_is_still_answered(make_subject):
    """WHATWG Fetch, CORS protocol: a page of a named origin may ask, OPTIONS included; another learns nothing."""
    origin = "https://viewer.example.org"
    subject = make_subject(settings={"CAUSEWAY_WEB__CORS": f'["{origin}"]'})
    wish = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "accept"}
    answer = requests.options(subject.dicomweb + "/studies", headers={"Origin": origin, **wish}, timeout=20)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "OPTIONS" in answer.headers["Access-Control-Allow-Methods"]
    other = requests.options(subject.dicomweb + "/studies", headers={"Origin": "https://other.example.org", **wish}, timeout=20)
    assert "Access-Control-Allow-Origin" not in other.headers
    plain = options(subject, "/studies", Origin=origin)
    assert plain.headers["Access-Control-Allow-Origin"] == origin
    assert "application" in plain.json()

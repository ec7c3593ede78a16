"""PS3.18 §8.4 and §8.5: statuses and header fields that all resources share."""


import pytest
import requests

import data
from clients import JSON, Web, stored, value

pytestmark = pytest.mark.only("causeway")


@pytest.fixture(scope="module")
def held(subject):
    """One instance."""
    (item,) = stored(subject, *data.study(1, 1))
    return item


def test_no_accept_header_gets_the_default(web, held):
    """PS3.18 §8.7.5, as others do it: the default of each resource."""
    path = f"/studies/{held.StudyInstanceUID}"
    assert web.get(f"{path}/series", None).headers["Content-Type"] == JSON
    assert web.get(f"{path}/metadata", None).headers["Content-Type"] == JSON
    assert web.get(path, None).headers["Content-Type"].startswith('multipart/related; type="application/dicom"')


def test_no_accept_header_is_406_where_that_is_set(make_subject):
    """PS3.18 §8.7.5, to the letter."""
    subject = make_subject(settings={"CAUSEWAY_WEB__MISSING_ACCEPT": "refuse"})
    web = Web(subject.dicomweb)
    assert web.get("/studies", None).status_code == 406
    assert web.get("/studies").status_code == 204
    assert web.get("/studies?accept=application/dicom%2Bjson", None).status_code == 204


def test_what_was_deleted_is_410_and_what_never_was_is_404(subject, web):
    """PS3.18 §8.5."""
    items = stored(subject, *data.study(1, 1))
    path = f"/studies/{items[0].StudyInstanceUID}"
    assert requests.delete(web.root + path, timeout=20).status_code == 204
    for below in ("/metadata", f"/series/{items[0].SeriesInstanceUID}/metadata"):
        assert web.get(path + below).status_code == 410
    for below in ("/metadata", f"/series/{data.uid()}/metadata"):
        assert web.get(f"/studies/{data.uid()}{below}").status_code == 404


def test_a_caller_without_a_token_is_401_with_a_challenge(make_subject):
    """PS3.18 §8.5, RFC 9110 §11.6.1: WWW-Authenticate; for OPTIONS too."""
    subject = make_subject()
    subject.stop()
    subject.run_alone("token", "add", "viewer", "--allow", "query")
    subject.settings["CAUSEWAY_WEB__AUTHENTICATION"] = "required"
    subject.start()
    for verb in ("GET", "OPTIONS", "POST"):
        answer = requests.request(verb, f"{subject.dicomweb}/studies", timeout=20)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.alone
@pytest.mark.parametrize(("headers", "expected"), [
    ({"Forwarded": "for=192.0.2.1;proto=https;host=pacs.example.org"}, "https://pacs.example.org/dicom-web/"),
    ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pacs.example.org", "X-Forwarded-Prefix": "/a"},
     "https://pacs.example.org/a/dicom-web/"),
])
def test_urls_are_those_of_the_proxy_in_front(web, held, headers, expected):
    """PS3.18 §10.6.3.3: Retrieve URL can be followed by who asked; so can the base of the description."""
    asked = f"{web.root}/studies?StudyInstanceUID={held.StudyInstanceUID}"
    (found,) = requests.get(asked, headers={"Accept": JSON, **headers}, timeout=20).json()
    assert value(found, "00081190") == f"{expected}studies/{held.StudyInstanceUID}"
    told = requests.options(web.root, headers={"Accept": "application/json", **headers}, timeout=20).json()
    assert told["application"]["resources"]["@base"] + "/" == expected

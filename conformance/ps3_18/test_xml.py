"""PS3.18 §8.7.3.2 and PS3.19 §A.1: data sets as XML, in the answers of search, retrieve and store."""

import re
import shutil
import subprocess

import pytest

import data
import native
import samples
from clients import JSON, multipart, parts, stored, value

XML = 'multipart/related; type="application/dicom+xml"'


@pytest.fixture(scope="module")
def held(subject):
    """One study of two series and four instances, with what XML has to take care of."""
    items = data.study(
        2, 2, PatientName="Ōsaka^Jirō^^Dr=大阪^次郎=おおさか^じろう", SpecificCharacterSet="ISO_IR 192",
        StudyDescription="1 < 2 & \"3\" > 'x' ]]>",
    )
    for item in items:
        item.OtherPatientIDs = ["A", "", "B"]
        item.PatientComments = " two\r\nlines\tand a tab"
        item.OtherPatientNames = ["Ōsaka^J", "", "Other=山"]
        item.ReferencedImageSequence = []
        block = item.private_block(0x0029, 'CREATOR "A" & B', create=True)
        block.add_new(0x01, "DS", ["1.5", "-2"])
        block.add_new(0x02, "OB", b"\1\2")
    return stored(subject, *items)


def path_of(item, level):
    """The resource of the instance's study, series or itself."""
    path = f"/studies/{item.StudyInstanceUID}"
    if level != "study":
        path += f"/series/{item.SeriesInstanceUID}"
    return path + (f"/instances/{item.SOPInstanceUID}" if level == "instance" else "")


def documents(answer):
    """The parts of an XML answer."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
    assert 'type="application/dicom+xml"' in answer.headers["Content-Type"]
    found = parts(answer)
    for part in found:
        assert part.headers["content-type"].split(";")[0].strip() == "application/dicom+xml"
        if "content-length" in part.headers:
            assert int(part.headers["content-length"]) == len(part.body)
    return [part.body for part in found]


def assert_same(xml, json):
    """A document and an object of DICOM JSON tell the same."""
    assert native.comparable(native.document(xml)) == native.comparable(json)


@pytest.mark.orthanc_fails(reason="loses carriage returns and where bulk data are")
@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_metadata_tell_what_the_json_tells(web, held, level):
    """PS3.18 §10.4.4: one part for each instance, with the attributes of its JSON."""
    path = path_of(held[0], level) + "/metadata"
    expected = {value(one, "00080018"): one for one in web.get(path, JSON).json()}
    found = documents(web.get(path, XML))
    assert len(found) == len(expected) == {"study": 4, "series": 2, "instance": 1}[level]
    for xml in found:
        assert_same(xml, expected.pop(value(native.document(xml), "00080018")))
    assert not expected


@pytest.mark.orthanc_fails(reason="writes a form feed, which XML does not have")
def test_control_characters_are_replaced(web, subject):
    """XML 1.0 §2.2: what has no form in XML must not make the document unreadable."""
    (item,) = stored(subject, *data.study(1, 1, PatientComments="before\fafter\x1b"))
    (xml,) = documents(web.get(path_of(item, "instance") + "/metadata", XML))
    assert value(native.document(xml), "00104000").startswith("before\ufffdafter")


@pytest.mark.only("causeway")
def test_each_part_says_where_it_is_from(web, held):
    """PS3.18 table 8.6.1-1: Content-Length and Content-Location of each part."""
    for part in parts(web.get(path_of(held[0], "study") + "/metadata", XML)):
        uid = value(native.document(part.body), "00080018")
        assert part.headers["content-location"].endswith(f"/instances/{uid}/metadata")
        assert web.get(part.headers["content-location"].removeprefix(web.root), JSON).status_code == 200
        assert int(part.headers["content-length"]) == len(part.body)


@pytest.mark.orthanc_fails(reason="does not tell the creator")
def test_a_private_attribute_names_its_creator(web, held):
    """PS3.19 §A.1.5: privateCreator, and a tag without the block that may be another in the next object."""
    (xml,) = documents(web.get(path_of(held[0], "instance") + "/metadata", XML))
    creator = native.root(xml).find("DicomAttribute[@tag='00290001']")
    assert creator is not None and creator.get("privateCreator") == 'CREATOR "A" & B'
    assert creator.get("vr") == "DS" and creator.get("keyword") is None
    patient = native.root(xml).find("DicomAttribute[@tag='00100010']")
    assert patient.get("keyword") == "PatientName"


@pytest.mark.parametrize(("path", "count"), [
    ("/studies?StudyInstanceUID={study}", 1), ("/studies/{study}/series", 2), ("/studies/{study}/instances", 4),
])
@pytest.mark.parametrize("parameters", [{}, {"includefield": "all"}], ids=str)
@pytest.mark.orthanc_fails(reason="answers JSON whatever is accepted")
def test_results_of_a_search_tell_what_the_json_tells(web, held, path, count, parameters):
    """PS3.18 §10.6.4: one part for each result, in the same order."""
    path = path.format(study=held[0].StudyInstanceUID)
    expected = web.query(path, **parameters)
    found = documents(web.get(path, XML, **parameters))
    assert len(found) == len(expected) == count
    for xml, json in zip(found, expected):
        assert_same(xml, json)


@pytest.mark.only("causeway")
def test_a_search_without_results_is_204_in_xml_too(web):
    """PS3.18 §8.3.4.4.1: no results are 204."""
    answer = web.get("/studies", XML, StudyInstanceUID=data.uid())
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.only("causeway")
def test_the_accept_parameter_asks_for_xml(web, held):
    """PS3.18 §8.3.3.1: in a link, where no header can be given."""
    path = f"/studies/{held[0].StudyInstanceUID}/series?accept=multipart/related%3Btype%3D%22application/dicom%2Bxml%22"
    assert len(documents(web.get(path, "*/*"))) == 2


@pytest.mark.only("causeway")
@pytest.mark.parametrize("accept", [XML, "application/dicom+xml"])
def test_the_report_of_a_store_in_xml(web, accept):
    """PS3.18 §10.5.3.2: the Store Instances Response Module, with what was stored and what was not."""
    good, other = data.instance(), data.instance()
    body, content_type = multipart([data.file_of(good), data.file_of(other)])
    answer = web.post(f"/studies/{good.StudyInstanceUID}", body, content_type, accept=accept)
    assert answer.status_code == 202
    if accept == XML:
        (part,) = parts(answer)
        xml = part.body
    else:
        assert answer.headers["Content-Type"] == "application/dicom+xml"
        xml = answer.content
    told = native.document(xml)
    assert value(value(told, "00081199"), "00081155") == good.SOPInstanceUID
    assert value(value(told, "00081198"), "00081155") == other.SOPInstanceUID
    assert int(value(value(told, "00081198"), "00081197")) > 0


@pytest.mark.only("causeway")
def test_a_store_whose_answer_nobody_takes_stores_nothing(web):
    """PS3.18 §8.7.8.1: 406, before anything is kept."""
    item = data.instance()
    body, content_type = multipart([data.file_of(item)])
    assert web.post("/studies", body, content_type, accept="image/png").status_code == 406
    assert not web.has(item)


def kept_samples(web, door):
    """Each sample that the server takes, with the path of its metadata."""
    for sample in samples.good(door):
        if web.stow(sample.bytes()).status_code == 200:
            yield sample, f"/studies/{sample.study}/series/{sample.series}/instances/{sample.sop_instance}/metadata"


@pytest.mark.only("causeway")
def test_the_xml_of_samples_tells_what_their_json_tells(web):
    """PS3.18 §F.3.1: files of many makes, in both models."""
    count = 0
    for sample, path in kept_samples(web, "xml"):
        (json,) = web.get(path, JSON).json()
        (xml,) = documents(web.get(path, XML))
        assert native.comparable(native.document(xml)) == native.comparable(json), sample.name
        count += 1
    assert count > 50


@pytest.mark.only("causeway")
@pytest.mark.skipif(shutil.which("dcm2xml") is None, reason="DCMTK is not installed")
def test_the_xml_of_samples_is_what_dcmtk_makes_of_them(web, folder):
    """PS3.19 §A.1: the same attributes, VRs and values as another implementation's, but for what is listed below."""
    count = 0
    for sample, path in kept_samples(web, "dcm2xml"):
        expected = of_dcmtk(sample.bytes(), folder / "sample.dcm")
        if expected is not None:
            (xml,) = documents(web.get(path, XML))
            assert_like_dcmtk(native.comparable(native.document(xml)), native.comparable(expected), sample.name)
            count += 1
    assert count > 50


def of_dcmtk(content, file):
    """What dcm2xml writes; nothing where it cannot, or where it is no XML for control characters."""
    file.write_bytes(content)
    command = ["dcm2xml", "--native-format", "--encode-base64", "--convert-to-utf8", str(file)]
    other = subprocess.run(command, capture_output=True, timeout=60)
    if other.returncode != 0:
        return None
    # It does not escape the name of a private creator.
    text = re.sub(rb'privateCreator="([^"]*)"', lambda found: found[0].replace(b"&", b"&amp;").replace(b"<", b"&lt;"), other.stdout)
    try:
        return native.document(text)
    except native.ElementTree.ParseError:
        return None


# What the node tells of the object as it is stored, and of the text as it is written.
OWN = {"00083002", "00080005"}


def assert_like_dcmtk(found, expected, where):
    """Compares two data sets in DICOM JSON."""
    # Group lengths and File Meta are no part of metadata (PS3.18 §F.2.2); padding behind the data set says nothing.
    wanted = {tag for tag in expected if not tag.endswith("0000") and not tag.startswith("0002") and tag != "FFFCFFFC"}
    ours = set(found) - {"FFFCFFFC"}
    # Where nobody reserved the block of a private attribute, dcm2xml puts zeros for it, and the node keeps it.
    for tag in ours - wanted - OWN:
        masked = f"{tag[:4]}00{tag[6:]}"
        assert int(tag[:4], 16) % 2 and masked in wanted, f"{where} {tag}"
        ours.remove(tag)
        wanted.remove(masked)
    assert ours - OWN == wanted - OWN, where
    for tag in wanted - OWN:
        one, other = found[tag], expected[tag]
        place = f"{where} {tag}"
        # Pixels and long values are named by a URL here, and written there; dcm2xml turns the bytes of words around.
        if "BulkDataURI" in one or "InlineBinary" in one or "InlineBinary" in other:
            continue
        # dcm2xml leaves UN what the dictionary knows, and knows some private attributes that implicit VR does not tell.
        if "UN" in (one["vr"], other["vr"]):
            continue
        assert one["vr"] == other["vr"], place
        if one["vr"] == "SQ":
            items, other_items = one.get("Value", []), other.get("Value", [])
            assert len(items) == len(other_items), place
            for number, (item, other_item) in enumerate(zip(items, other_items), start=1):
                assert_like_dcmtk(item, other_item, f"{place}/{number}")
        elif one["vr"] == "PN":
            # Where a name or a group is empty, dcm2xml repeats the one before.
            for name, other_name in zip(one.get("Value", []), other.get("Value", [])):
                for group, text in (name or {}).items():
                    assert text.strip() == other_name[group].strip(), place
        else:
            assert like(one) == like(other), place


def like(attribute):
    """Values as they compare with dcm2xml's, which has other digits of some numbers."""
    found = []
    for one in attribute.get("Value", []):
        if isinstance(one, float):
            found.append(pytest.approx(one, rel=1e-6, abs=1e-30, nan_ok=True))
        else:
            found.append((one or "").strip())
    return found if any(one != "" for one in found) else []

"""PS3.18 §10 by the two libraries called dicomweb-client: that of PyPI, which scripts use, and that of npm, which viewers
are built with."""

import base64
import io
import json

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

import data
from clients import stored
from dcmjs_peer import javascript


@pytest.fixture(scope="module")
def held(subject):
    """Two series of two instances."""
    return stored(subject, *data.study(2, 2))


@pytest.fixture
def python(subject):
    """The client of PyPI."""
    return DICOMwebClient(subject.dicomweb)


def uids(item):
    """The UIDs of an instance, from the study down."""
    return item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID


def call(subject, name, **options):
    """What the client of npm gives: bytes as bytes."""
    said = javascript("web.js", subject.dicomweb, name, json.dumps(options))
    assert "value" in said, said

    def read(value):
        if isinstance(value, dict) and set(value) == {"bytes"}:
            return base64.b64decode(value["bytes"])
        return [read(one) for one in value] if isinstance(value, list) else value

    return read(said["value"])


def named(item):
    """How the client of npm is told of an instance."""
    study, series, instance = uids(item)
    return {"studyInstanceUID": study, "seriesInstanceUID": series, "sopInstanceUID": instance}


# PyPI.

def test_python_searches(python, held):
    """PS3.18 §10.6."""
    study, series, _ = uids(held[0])
    (found,) = python.search_for_studies(search_filters={"StudyInstanceUID": study})
    assert found["0020000D"]["Value"] == [study]
    assert len(python.search_for_series(study)) == 2
    assert len(python.search_for_instances(study)) == 4
    assert len(python.search_for_instances(study, series, limit=1)) == 1
    assert python.search_for_studies(fuzzymatching=True, search_filters={"PatientID": data.uid()}) == []


@pytest.mark.parametrize("level", [1, 2, 3])
def test_python_retrieves(python, held, level):
    """PS3.18 §10.4.1.1.1, §10.4.1.1.2: files and metadata of a study, a series, an instance."""
    wanted = [item for item in held if uids(item)[:level] == uids(held[0])[:level]]
    path = uids(held[0])[:level]
    files = {1: python.retrieve_study, 2: python.retrieve_series, 3: python.retrieve_instance}[level](*path)
    files = files if isinstance(files, list) else [files]
    assert {file.SOPInstanceUID for file in files} == {item.SOPInstanceUID for item in wanted}
    metadata = {
        1: python.retrieve_study_metadata, 2: python.retrieve_series_metadata, 3: python.retrieve_instance_metadata,
    }[level](*path)
    metadata = metadata if isinstance(metadata, list) else [metadata]
    assert {one["00080018"]["Value"][0] for one in metadata} == {item.SOPInstanceUID for item in wanted}


@pytest.mark.orthanc_fails(reason="400 for the list of media types that this client sends")
def test_python_gets_frames_and_bulk_data(subject, python, held):
    """PS3.18 §10.4.1.1.5, §10.4.1.1.6. The client's Host header leaves the port out, so that links do as well."""
    (frame,) = python.retrieve_instance_frames(*uids(held[0]), frame_numbers=[1])
    assert frame == held[0].PixelData
    metadata = python.retrieve_instance_metadata(*uids(held[0]))
    path = metadata["7FE00010"]["BulkDataURI"].partition(subject.dicomweb_root)[2]
    (value,) = python.retrieve_bulkdata(subject.dicomweb + path)
    assert value == held[0].PixelData


def test_python_gets_pictures(python, held):
    """PS3.18 §10.4.1.1.3."""
    picture = python.retrieve_instance_rendered(*uids(held[0]), media_types=("image/png",))
    assert picture.startswith(b"\x89PNG")
    picture = python.retrieve_instance_frames_rendered(*uids(held[0]), frame_numbers=[1], media_types=("image/jpeg",))
    assert picture.startswith(b"\xff\xd8")


def test_python_stores(python):
    """PS3.18 §10.5."""
    items = data.study(1, 2)
    report = python.store_instances([pydicom.dcmread(io.BytesIO(data.file_of(item))) for item in items])
    assert len(report.ReferencedSOPSequence) == 2


@pytest.mark.only("causeway")
def test_python_deletes(subject, python):
    """DELETE, which other servers have too."""
    (item,) = stored(subject, *data.study(1, 1))
    python.delete_instance(*uids(item))
    assert python.search_for_instances(item.StudyInstanceUID) == []


# npm.

def test_javascript_searches(subject, held):
    """PS3.18 §10.6."""
    study, series, _ = uids(held[0])
    (found,) = call(subject, "searchForStudies", queryParams={"StudyInstanceUID": study})
    assert found["0020000D"]["Value"] == [study]
    assert len(call(subject, "searchForSeries", studyInstanceUID=study)) == 2
    assert len(call(subject, "searchForInstances", studyInstanceUID=study, seriesInstanceUID=series)) == 2


def test_javascript_retrieves(subject, held):
    """PS3.18 §10.4.1.1.1, §10.4.1.1.2."""
    study, series, instance = uids(held[0])
    for name, options, count in [
        ("retrieveStudy", {"studyInstanceUID": study}, 4),
        ("retrieveSeries", {"studyInstanceUID": study, "seriesInstanceUID": series}, 2),
        ("retrieveInstance", named(held[0]), 1),
    ]:
        files = call(subject, name, **options)
        files = files if isinstance(files, list) else [files]
        assert len(files) == count and all(file[128:132] == b"DICM" for file in files), name
    assert len(call(subject, "retrieveStudyMetadata", studyInstanceUID=study)) == 4
    assert len(call(subject, "retrieveSeriesMetadata", studyInstanceUID=study, seriesInstanceUID=series)) == 2
    (one,) = call(subject, "retrieveInstanceMetadata", **named(held[0]))
    assert one["00080018"]["Value"] == [instance]


def test_javascript_gets_frames_and_bulk_data(subject, held):
    """PS3.18 §10.4.1.1.5, §10.4.1.1.6."""
    (frame,) = call(subject, "retrieveInstanceFrames", frameNumbers=[1], **named(held[0]))
    assert frame == held[0].PixelData
    (metadata,) = call(subject, "retrieveInstanceMetadata", **named(held[0]))
    (value,) = call(subject, "retrieveBulkData", BulkDataURI=metadata["7FE00010"]["BulkDataURI"])
    assert value == held[0].PixelData


@pytest.mark.parametrize(("name", "more"), [
    ("retrieveInstanceRendered", {}), ("retrieveInstanceThumbnail", {}),
    ("retrieveInstanceFramesRendered", {"frameNumbers": [1]}), ("retrieveInstanceFramesThumbnail", {"frameNumbers": [1]}),
])
@pytest.mark.parametrize(("media", "magic"), [("image/jpeg", b"\xff\xd8"), ("image/png", b"\x89PNG")])
@pytest.mark.orthanc_fails(reason="has no thumbnails")
def test_javascript_gets_pictures(subject, held, name, more, media, magic):
    """PS3.18 §10.4.1.1.3, §10.4.1.1.4."""
    (picture,) = call(subject, name, mediaTypes=[{"mediaType": media}], **named(held[0]), **more)
    assert picture.startswith(magic)


def test_javascript_stores(subject, web, folder):
    """PS3.18 §10.5."""
    items = data.study(1, 2)
    for number, item in enumerate(items):
        (folder / f"{number}.dcm").write_bytes(data.file_of(item))
    call(subject, "storeInstances", files=[str(path) for path in sorted(folder.iterdir())])
    assert all(web.has(item) for item in items)


def test_javascript_is_told_what_is_not_there(subject):
    """PS3.18 §8.5: the status reaches whoever calls."""
    said = javascript("web.js", subject.dicomweb, "retrieveStudyMetadata", json.dumps({"studyInstanceUID": data.uid()}))
    assert said["status"] == 404

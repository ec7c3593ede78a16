"""De-identification on the way to a remote (PS3.15 Annex E), edits of attributes (PS3.3 §C.12.1.1.9), and the way back."""

import io
import json
import time

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, EncapsulatedPDFStorage, ExplicitVRLittleEndian

import data
import samples
from clients import Receiver, Web, associate, move, store, stored
from deidentified import Profile, day, errors
from paired import join
from subjects.base import free_port

pytestmark = [pytest.mark.only("causeway"), pytest.mark.timeout(300)]

ARRIVE_SECONDS_MAX = 30
PROFILES = {
    "basic": [],
    "clean": ["retain-modified-dates", "retain-patient-characteristics", "clean-descriptors", "clean-graphics",
              "clean-structured-content"],
    "kept": ["retain-uids", "retain-device", "retain-institution", "retain-full-dates"],
}


def add_transform(node, name, **document):
    """Saves a transform over REST."""
    answer = put_transform(node, name, **document)
    assert answer.status_code == 204, answer.text


def put_transform(node, name, **document):
    return requests.put(f"{node.url}/api/v1/transforms/{name}", json={"name": name, **document}, timeout=30)


def add_reader(node, receiver, transform=None, when="true"):
    """A remote that may store here and is sent what the condition names, through a transform."""
    name = receiver.ae_title.lower()
    through = ["--transform", transform] if transform else []
    node.run("remote", "add", name, "--ae-title", receiver.ae_title, "--host", "127.0.0.1",
             "--port", str(receiver.port), "--allow", "store", *through)
    node.add_route(f"to-{name}", when, name)


def read(arrival):
    """What arrived as a data set with its file's header."""
    header = data.header(arrival.sop_class, arrival.sop_instance, arrival.transfer_syntax)
    return dcmread(io.BytesIO(header + arrival.body))


def arrived(receiver, count=1):
    """The first so many instances that arrive."""
    deadline = time.monotonic() + ARRIVE_SECONDS_MAX
    while len(receiver.arrivals) < count:
        assert time.monotonic() < deadline, f"{len(receiver.arrivals)} of {count} have arrived"
        time.sleep(0.05)
    return [read(arrival) for arrival in receiver.arrivals[:count]]


@pytest.fixture
def receivers():
    """Makes Storage SCPs, which go away with the test."""
    made = []

    def make(ae_title=None):
        receiver = Receiver(ae_title or f"R{free_port()}")
        made.append(receiver)
        return receiver.__enter__()

    yield make
    for receiver in made:
        receiver.__exit__()


# Every sample through each profile.

@pytest.fixture(scope="module")
def given(make_own_subject, tmp_path_factory):
    """What each profile made of each sample, and the profiles with what was seen of them."""
    node = make_own_subject("causeway", ae_title="HOSPITAL")
    path = tmp_path_factory.mktemp("samples") / "sample.dcm"
    profiles = {name: Profile(options) for name, options in PROFILES.items()}
    made, running = {}, {}
    for name, options in PROFILES.items():
        running[name] = Receiver(
            name.upper(), syntaxes=sorted({sample.transfer_syntax for sample in samples.good("deidentify")}),
            classes=sorted({sample.sop_class for sample in samples.good("deidentify")}),
        ).__enter__()
        add_transform(node, name, burned_in="send", deidentify={"options": options})
        add_reader(node, running[name], name)
    for sample in samples.good("deidentify"):
        counts = {name: len(receiver.arrivals) for name, receiver in running.items()}
        path.write_bytes(sample.bytes())
        with associate(node, [(sample.sop_class, [sample.transfer_syntax])]) as association:
            answer = association.send_c_store(path)
        assert answer.get("Status") == 0x0000, sample.name
        deadline = time.monotonic() + ARRIVE_SECONDS_MAX
        while any(len(running[name].arrivals) <= counts[name] for name in running) and time.monotonic() < deadline:
            time.sleep(0.01)
        made[sample.name] = {
            name: receiver.arrivals[counts[name]] if len(receiver.arrivals) > counts[name] else None
            for name, receiver in running.items()
        }
    yield made, profiles
    for receiver in running.values():
        receiver.__exit__()


def each_sample(profiles):
    return [(sample, profile) for sample in samples.good("deidentify") for profile in profiles]


def name_of(value):
    return value.name if isinstance(value, samples.Sample) else value


@pytest.mark.parametrize(("sample", "profile"), each_sample(PROFILES), ids=name_of)
def test_no_identity_is_left_of_a_sample_and_its_pixels_are(given, sample, profile):
    """PS3.15 Table E.1-1: each attribute at every depth; pixel data byte by byte."""
    made, profiles = given
    arrival = made[sample.name][profile]
    assert arrival is not None, "it did not arrive"
    original, after = sample.dataset(), read(arrival)
    assert arrival.sop_instance == after.SOPInstanceUID
    profiles[profile].check(original, after)
    if profile != "kept":
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert str(original[keyword].value).encode() not in arrival.body.split(b"\xe0\x7f\x10\x00")[0]


@pytest.mark.parametrize(("sample", "profile"), each_sample(["basic", "clean"]), ids=name_of)
def test_a_sample_meets_its_iod_as_well_as_before(given, sample, profile, tmp_path):
    """dciodvfy finds no error that it did not find in the original."""
    arrival = given[0][sample.name][profile]
    assert arrival is not None, "it did not arrive"
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    file = sample.bytes()
    if sample.transfer_syntax == DeflatedExplicitVRLittleEndian:
        file = data.header(sample.sop_class, sample.sop_instance, ExplicitVRLittleEndian) + data.inflated(file)
    before.write_bytes(file)
    after.write_bytes(data.header(arrival.sop_class, arrival.sop_instance, arrival.transfer_syntax) + arrival.body)
    assert errors(after) - errors(before) == set()


# A study.

def test_a_study_stays_one_and_projects_differ(make_subject, receivers):
    """UIDs are consistent over a study, dates go back by the same number of days; another project gives others."""
    node, one, same, other = make_subject("causeway", ae_title="HOSPITAL"), receivers(), receivers(), receivers()
    options = {"options": ["retain-modified-dates"]}
    add_transform(node, "one", project="trial", deidentify=options)
    add_transform(node, "same", project="trial", deidentify={"options": []})
    add_transform(node, "other", deidentify=options)
    for receiver, transform in [(one, "one"), (same, "same"), (other, "other")]:
        add_reader(node, receiver, transform)
    patient = data.patient_id()
    items = data.study(2, 3, PatientID=patient) + data.study(1, 2, PatientID=patient, StudyDate="20200229")
    stored(node, *items)
    told = {name: arrived(receiver, len(items)) for name, receiver in
            [("one", one), ("same", same), ("other", other)]}
    for found in told.values():
        assert len({item.StudyInstanceUID for item in found}) == 2
        assert len({item.SeriesInstanceUID for item in found}) == 3
        assert len({item.SOPInstanceUID for item in found}) == len(items)
        assert len({item.PatientID for item in found}) == 1 and found[0].PatientID != patient
    uids = {name: {item.StudyInstanceUID for item in found} for name, found in told.items()}
    assert uids["one"] == uids["same"] and not uids["one"] & uids["other"]
    days = sorted({str(item.StudyDate) for item in told["one"]})
    first, second = (day(text) for text in days)
    assert (second - first).days == (day("20240115") - day("20200229")).days
    assert days[1] < "20240115"


# What must not go out does not.

def test_what_may_tell_in_its_pixels_is_refused_in_words(make_subject, receivers):
    """Burned In Annotation: by default it is not sent, and the delivery says why."""
    node, reader = make_subject("causeway", ae_title="HOSPITAL"), receivers()
    add_transform(node, "trial", deidentify={})
    add_reader(node, reader, "trial")
    burned = data.instance(BurnedInAnnotation="YES")
    screen = data.instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT")
    fine = data.instance(BurnedInAnnotation="NO")
    stored(node, burned, screen, fine)
    states = node.decided(3)
    assert states[fine.SOPInstanceUID] == "delivered"
    assert states[burned.SOPInstanceUID] == states[screen.SOPInstanceUID] == "parked"
    assert "Burned In Annotation" in json.dumps(node.queue())
    assert len(reader.arrivals) == 1


def test_a_remote_without_its_transform_is_given_nothing(make_subject, receivers):
    """A transform that is used stays; a remote cannot name one that is not there, nor fetch what it would hide."""
    node, reader = make_subject("causeway", ae_title="HOSPITAL"), receivers()
    add_transform(node, "trial", deidentify={})
    add_reader(node, reader, "trial")
    gone = requests.delete(f"{node.url}/api/v1/transforms/trial", timeout=30)
    assert gone.status_code == 409 and reader.ae_title.lower() in gone.text
    remote = requests.get(f"{node.url}/api/v1/remotes/{reader.ae_title.lower()}", timeout=30).json()
    for change, words in [({"transform": "none"}, "no transform 'none'"),
                          ({"allow": ["store", "retrieve"]}, "allow it to store only"),
                          ({"follow": {"commitment": True, "availability": False}}, "--commitment")]:
        answer = requests.put(f"{node.url}/api/v1/remotes/{remote['name']}", json={**remote, **change}, timeout=30)
        assert answer.status_code == 400 and words in answer.text, answer.text


def test_a_c_move_to_it_gives_what_a_route_gives(make_subject, receivers):
    """Whoever moves an instance to a remote with a transform moves it through that."""
    node, reader = make_subject("causeway", ae_title="HOSPITAL"), receivers()
    add_transform(node, "trial", deidentify={})
    add_reader(node, reader, "trial", when='Modality == "XX"')
    [item] = stored(node, data.instance())
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", item.StudyInstanceUID
    move(node, query, reader.ae_title)
    [after] = arrived(reader)
    Profile([]).check(item, after)


def test_files_that_pass_through_are_not_given_to_it(make_subject, receivers, tmp_path):
    """`remote send` applies no transform, and says so instead of sending."""
    node, reader = make_subject("causeway", ae_title="HOSPITAL"), receivers()
    add_transform(node, "trial", deidentify={})
    add_reader(node, reader, "trial")
    file = tmp_path / "image.dcm"
    file.write_bytes(data.file_of(data.instance()))
    with pytest.raises(AssertionError, match="not applied to files that only pass through"):
        node.run("remote", "send", reader.ae_title.lower(), str(file))
    assert not reader.arrivals


# Edits.

@pytest.mark.parametrize(("edit", "words"), [
    ({"action": "set", "attribute": "PatientsName", "values": ["A"]}, "PatientsName"),
    ({"action": "set", "attribute": "AccessionNumber", "values": ["12345678901234567"]}, "AccessionNumber"),
    ({"action": "set", "attribute": "PatientBirthDate", "values": ["1.1.1970"]}, "PatientBirthDate"),
    ({"action": "remove", "attribute": "PixelData"}, "PixelData"),
    ({"action": "set", "attribute": "StudyInstanceUID", "values": ["1.2.3"]}, "StudyInstanceUID"),
])
def test_an_edit_that_cannot_be_done_is_named_when_it_is_saved(subject, edit, words):
    answer = put_transform(subject, "wrong", edits=[edit])
    assert answer.status_code == 400 and words in answer.text


EDITS = [
    {"action": "prefix", "attribute": "PatientID", "text": "H1-"},
    {"action": "issuer", "of": "patient-id", "namespace": "HOSPITAL1"},
    {"action": "issuer", "of": "accession-number", "namespace": "RIS1", "universal": {"id": "1.2.3", "type": "ISO"}},
    {"action": "set", "attribute": "PatientName", "values": ["山田^太郎"]},
    {"action": "map", "attribute": "StudyDescription", "table": {"Chest": "THORAX"}},
    {"action": "copy", "from": "AccessionNumber", "to": "StudyID"},
    {"action": "remove", "attribute": "SeriesDescription"},
]


def test_edits_keep_what_there_was(make_subject, receivers, tmp_path):
    """PS3.3 §C.12.1.1.9: Original Attributes Sequence has the values that were changed, and what did not change stays."""
    node, reader = make_subject("causeway", ae_title="HOSPITAL"), receivers()
    add_transform(node, "relabel", edits=EDITS)
    add_reader(node, reader, "relabel")
    [item] = stored(node, data.instance(SpecificCharacterSet="ISO_IR 100", InstitutionName="Schädel"))
    [after] = arrived(reader)
    assert after.SOPInstanceUID == item.SOPInstanceUID
    assert after.PatientID == f"H1-{item.PatientID}" and after.IssuerOfPatientID == "HOSPITAL1"
    assert after.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS1"
    assert after.PatientName == "山田^太郎" and after.InstitutionName == "Schädel"
    assert (after.StudyDescription, after.StudyID) == ("THORAX", "A1")
    assert "SeriesDescription" not in after
    [original] = after.OriginalAttributesSequence
    assert original.ReasonForTheAttributeModification == "COERCE" and original.ModifyingSystem
    [before] = original.ModifiedAttributesSequence
    assert before.PatientID == item.PatientID and before.PatientName == item.PatientName
    assert before.StudyID == "S1" and before.SeriesDescription == "Axial"
    assert "AccessionNumber" not in before
    assert after.PixelData == item.PixelData
    files = tmp_path / "before.dcm", tmp_path / "after.dcm"
    files[0].write_bytes(data.file_of(item))
    arrival = reader.arrivals[0]
    files[1].write_bytes(data.header(arrival.sop_class, arrival.sop_instance, arrival.transfer_syntax) + arrival.body)
    assert errors(files[1]) - errors(files[0]) == set()


def test_a_transform_can_be_tried(subject, tmp_path):
    """The command line shows what would change, or writes it; the node keeps nothing."""
    document = tmp_path / "trial.toml"
    document.write_text('[deidentify]\noptions = ["clean-descriptors"]\n')
    subject.run("transform", "add", "tried", "-f", str(document))
    item = data.instance()
    file, changed = tmp_path / "image.dcm", tmp_path / "changed.dcm"
    file.write_bytes(data.file_of(item))
    shown = subject.run("transform", "try", "tried", str(file))
    assert "PatientName" in shown and "Test^Patient" in shown
    changes = json.loads(subject.run("transform", "try", "tried", str(file), "--json"))["changes"]
    assert {"path": "ReferringPhysicianName", "before": "Referrer^Rita", "after": ""} in changes
    subject.run("transform", "try", "tried", str(file), "--output", str(changed))
    Profile(["clean-descriptors"]).check(item, dcmread(changed))
    assert "tried" in subject.run("transform", "list")
    subject.run("transform", "remove", "tried")
    assert "tried" not in subject.run("transform", "list")


# The way back.

def report(evidence):
    """A measurement report that highdicom makes for images."""
    highdicom = pytest.importorskip("highdicom")
    from highdicom.sr import (
        CodedConcept, ComprehensiveSR, DeviceObserverIdentifyingAttributes, MeasurementReport, ObservationContext,
        ObserverContext,
    )
    device = ObserverContext(
        observer_type=CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(uid=data.uid()),
    )
    from highdicom.sr import ImageRegion, PlanarROIMeasurementsAndQualitativeEvaluations, TrackingIdentifier
    import numpy
    region = ImageRegion(
        graphic_type="CIRCLE", graphic_data=numpy.array([[4.0, 4.0], [6.0, 4.0]]),
        source_image=highdicom.sr.SourceImageForRegion(
            referenced_sop_class_uid=evidence[0].SOPClassUID, referenced_sop_instance_uid=evidence[0].SOPInstanceUID,
        ),
    )
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=data.uid(), identifier="finding"), referenced_region=region,
        finding_type=CodedConcept("108369006", "SCT", "Neoplasm"),
    )
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=device),
        procedure_reported=CodedConcept("25045-6", "LN", "CT unspecified body region"),
        imaging_measurements=[group],
    )
    return ComprehensiveSR(
        evidence=evidence, content=content[0], series_instance_uid=data.uid(), series_number=100,
        sop_instance_uid=data.uid(), instance_number=1, manufacturer="reader", is_complete=True, is_verified=False,
    )


def document(study):
    """A PDF that belongs to the study as its maker knows it."""
    pdf = Dataset()
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "PatientBirthDate", "PatientSex", "StudyDate",
                    "StudyTime", "AccessionNumber", "StudyID", "ReferringPhysicianName"):
        if keyword in study:
            setattr(pdf, keyword, study[keyword].value)
    pdf.SOPClassUID, pdf.SOPInstanceUID, pdf.SeriesInstanceUID = EncapsulatedPDFStorage, data.uid(), data.uid()
    pdf.Modality, pdf.SeriesNumber, pdf.InstanceNumber = "DOC", 1, 1
    pdf.EncapsulatedDocument, pdf.MIMETypeOfEncapsulatedDocument = b"%PDF-1.4 opinion", "application/pdf"
    pdf.ConceptNameCodeSequence, pdf.DocumentTitle = Sequence(), "opinion"
    pdf.file_meta = FileMetaDataset()
    pdf.file_meta.MediaStorageSOPClassUID, pdf.file_meta.MediaStorageSOPInstanceUID = pdf.SOPClassUID, pdf.SOPInstanceUID
    pdf.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return pdf


@pytest.fixture(params=["deidentified", "relabelled"])
def loop(request, make_subject, receivers):
    """A PACS, the node, and a reader who is sent the PACS's studies under another identity."""
    node, pacs, reader = make_subject("causeway", ae_title="HOSPITAL"), receivers("PACS1"), receivers("READER")
    parts = {"deidentified": {"deidentify": {}}, "relabelled": {"edits": EDITS[:4]}}
    add_transform(node, "through", **parts[request.param])
    node.add_remote("pacs1", pacs.ae_title, pacs.port)
    add_reader(node, reader, "through", when='Modality == "CT"')
    return node, pacs, reader


def items_of(pacs, node, **attributes):
    """A study that came from the PACS."""
    plain = {"FrameOfReferenceUID": data.uid(), "PatientName": "Miller^Mary", **attributes}
    return stored(node, *data.study(1, 2, **plain), calling=pacs.ae_title)


def test_a_report_comes_back_under_the_original_identity(loop):
    """A highdicom SR for the study as the reader knows it arrives at the PACS for the study as the PACS knows it."""
    node, pacs, reader = loop
    items = items_of(pacs, node)
    images = arrived(reader, len(items))
    made = report(images)
    stored(node, made, calling=reader.ae_title)
    [back] = arrived(pacs)
    original = items[0]
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "AccessionNumber",
                    "StudyDate", "StudyTime", "StudyID", "ReferringPhysicianName"):
        assert back.get(keyword) == original.get(keyword), keyword
    assert back.SOPInstanceUID not in {made.SOPInstanceUID, *(item.SOPInstanceUID for item in items)}
    known = {item.SOPInstanceUID for item in items}
    [evidence] = back.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == original.StudyInstanceUID
    [series] = evidence.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == original.SeriesInstanceUID
    assert {it.ReferencedSOPInstanceUID for it in series.ReferencedSOPSequence} == known
    assert references(back) <= known
    assert back.ContentSequence == made.ContentSequence or len(back.ContentSequence) == len(made.ContentSequence)
    [kept] = back.OriginalAttributesSequence
    assert kept.ModifiedAttributesSequence[0].PatientID == made.PatientID
    assert kept.SourceOfPreviousValues == "reader"
    time.sleep(1)
    assert len(pacs.arrivals) == 1 and len(reader.arrivals) == len(items), "it went on"


def references(dataset):
    """The instances that the content refers to."""
    found = set()
    for element in dataset.get("ContentSequence", []):
        for item in element.get("ReferencedSOPSequence", []):
            found.add(item.ReferencedSOPInstanceUID)
        found |= references(element)
    return found


def test_a_document_comes_back_once_however_often_it_is_sent(loop):
    """A PDF, sent twice, is one instance at the PACS; what came is kept beside it as it came."""
    node, pacs, reader = loop
    items = items_of(pacs, node)
    [first, _] = arrived(reader, len(items))
    pdf = document(first)
    stored(node, pdf, calling=reader.ae_title)
    [back] = arrived(pacs)
    assert (back.PatientID, back.StudyInstanceUID) == (items[0].PatientID, items[0].StudyInstanceUID)
    assert back.EncapsulatedDocument == pdf.EncapsulatedDocument
    stored(node, pdf, calling=reader.ae_title)
    time.sleep(1)
    assert len(pacs.arrivals) == 1
    assert data.split(Web(node.dicomweb).file(pdf))[1] == data.encoded(pdf)


def test_the_way_back_outlives_a_kill_and_the_transform(loop):
    """What was sent out still comes back after the node was killed and the transform is another."""
    node, pacs, reader = loop
    items = items_of(pacs, node)
    [first, _] = arrived(reader, len(items))
    node.kill()
    node.start()
    add_transform(node, "through", edits=[])
    stored(node, document(first), calling=reader.ae_title)
    [back] = arrived(pacs)
    assert (back.PatientID, back.StudyInstanceUID) == (items[0].PatientID, items[0].StudyInstanceUID)


def test_what_another_sends_for_the_study_does_not_go_back(loop):
    """Only the reader's own work is believed to belong to what the reader was sent."""
    node, pacs, reader = loop
    items = items_of(pacs, node)
    [first, _] = arrived(reader, len(items))
    node.run("remote", "add", "other", "--ae-title", "OTHER", "--allow", "store")
    assert store(node, document(first), calling="OTHER") == [0x0000]
    time.sleep(1)
    assert not pacs.arrivals


def test_over_the_web_there_and_back(make_subject, receivers):
    """STOW-RS to a reader applies the transform, and each answer is that of its instance; by STOW-RS it comes back."""
    node, reader, pacs = make_subject("causeway", ae_title="HOSPITAL"), make_subject("causeway"), receivers("PACS1")
    add_transform(node, "trial", deidentify={})
    node.add_remote("pacs1", pacs.ae_title, pacs.port)
    node.run("remote", "add", "reader", "--dicomweb", reader.dicomweb, "--allow", "store", "--transform", "trial")
    node.add_route("to-reader", 'Modality == "CT"', "reader")
    items = items_of(pacs, node)
    assert set(node.decided(len(items)).values()) == {"delivered"}
    [study] = Web(reader.dicomweb).query("/studies")
    text = json.dumps(study)
    assert items[0].StudyInstanceUID not in text and items[0].PatientID not in text and "Miller" not in text
    known = Dataset.from_json({tag: it for tag, it in study.items() if tag in ("0020000D", "00100020")})
    answer = Web(node.dicomweb).stow(data.file_of(document(known)))
    assert answer.status_code == 200, answer.text
    [back] = arrived(pacs)
    assert (back.PatientID, back.StudyInstanceUID) == (items[0].PatientID, items[0].StudyInstanceUID)
    assert back.PatientName == items[0].PatientName


def test_over_a_link_there_and_back(make_subject, receivers):
    """A hospital that nobody can call sends under another identity, and collects the reader's report: a highdicom SR
    arrives at the PACS for the study as the PACS knows it, and nothing of that study was ever at the reader."""
    hospital, reader = make_subject("causeway", ae_title="HOSPITAL"), make_subject("causeway", ae_title="READER")
    pacs = receivers("PACS1")
    add_transform(hospital, "trial", deidentify={})
    join(hospital, reader)
    hospital.run("remote", "add", "reader", "--allow", "store", "--transform", "trial")
    hospital.add_remote("pacs1", pacs.ae_title, pacs.port)
    hospital.add_route("to-reader", 'Modality == "CT"', "reader")
    reader.add_route("reports", 'Modality == "SR"', "hospital")
    items = items_of(pacs, hospital)
    assert set(hospital.decided(len(items)).values()) == {"delivered"}
    web = Web(reader.dicomweb)
    [study] = web.query("/studies")
    text = json.dumps(study)
    assert items[0].StudyInstanceUID not in text and items[0].PatientID not in text and "Miller" not in text
    known = [Dataset.from_json(it) for it in web.query("/instances", includefield="all")]
    images = [dcmread(io.BytesIO(web.file(item))) for item in known]
    made = report(images)
    stored(reader, made, calling="STATION")
    [back] = arrived(pacs)
    original = items[0]
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber"):
        assert back.get(keyword) == original.get(keyword), keyword
    assert references(back) <= {item.SOPInstanceUID for item in items}
    [evidence] = back.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == original.StudyInstanceUID
    [kept] = back.OriginalAttributesSequence
    assert (kept.ModifiedAttributesSequence[0].PatientID, kept.SourceOfPreviousValues) == (made.PatientID, "reader")
    [job] = [job for job in reader.queue() if job["remote"] == "hospital"]
    assert (job["instance"], job["state"].lower()) == (made.SOPInstanceUID, "delivered")
    time.sleep(1)
    assert len(pacs.arrivals) == 1, "it went on"
    assert len(Web(reader.dicomweb).query("/instances")) == len(items) + 1, "it came back to the reader"

"""PS3.18 §10.4 and PS3.10 §8: a study, a series or an instance as one archive of a File-set with its DICOMDIR."""

import io
import shutil
import subprocess
import zipfile

import pytest
import requests
from pydicom import dcmread
from pydicom.fileset import FileSet
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import data
import samples
from clients import Web, dcmtk, parts, path_of, stored
from settled import await_objects

pytestmark = pytest.mark.only("causeway")

ZIP = "application/zip"
ANY = "application/zip; transfer-syntax=*"
NAMES = [
    ("ISO_IR 100", "Müller^Jörg"),
    ("ISO_IR 144", "Люкceмбypг"),
    ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("ISO_IR 192", "Ōsaka^Jirō=大阪^次郎=おおさか^じろう"),
]


def unpacked(answer, folder):
    """The archive's files in a folder."""
    assert answer.status_code in (200, 206), answer.text[:300]
    assert answer.headers["Content-Type"] == ZIP
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[-1] == "DICOMDIR"
        archive.extractall(folder)
    return folder


def files_of(folder):
    """The instances in it, by SOP Instance UID."""
    found = {}
    for path in sorted((folder / "DICOM").rglob("IM*")):
        content = path.read_bytes()
        meta, _ = data.split(content)
        found[meta[0x0003].rstrip(b"\0").decode()] = content
    return found


@pytest.fixture(scope="module")
def held(subject):
    """One study of two series and four instances."""
    return stored(subject, *data.study(2, 2))


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_each_file_is_the_same_as_the_part(web, held, level, tmp_path):
    """The files of the archive are those of the multipart answer, to the byte, and the directory lists each of them."""
    path = path_of(held[0], level)
    expected = {}
    for part in parts(web.get(path, 'multipart/related; type="application/dicom"; transfer-syntax=*')):
        meta, _ = data.split(part.body)
        expected[meta[0x0003].rstrip(b"\0").decode()] = part.body
    answer = web.get(path, ANY)
    folder = unpacked(answer, tmp_path)
    assert files_of(folder) == expected
    assert len(expected) == {"study": 4, "series": 2, "instance": 1}[level]
    listed = {instance.SOPInstanceUID: instance for instance in FileSet(folder / "DICOMDIR")}
    assert set(listed) == set(expected)
    for uid, instance in listed.items():
        item = next(item for item in held if item.SOPInstanceUID == uid)
        assert instance.load() == dcmread(io.BytesIO(expected[uid]))
        for keyword in ("PatientName", "PatientID", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription",
                        "StudyInstanceUID", "StudyID", "Modality", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"):
            assert getattr(instance, keyword) == getattr(item, keyword), keyword


def test_it_is_an_attachment_whose_name_tells_nothing(web, held):
    """RFC 6266; the name has no word of the patient nor a UID."""
    answer = web.get(path_of(held[0], "study"), ZIP)
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="study-') and disposition.endswith('.zip"')
    for word in ("Test", str(held[0].PatientID), str(held[0].StudyInstanceUID)):
        assert word not in disposition


def test_the_query_chooses_it_and_a_readme_comes_when_it_is_asked_for(web, held):
    """PS3.18 §8.3.3.1: a link in a browser will do."""
    path = path_of(held[0], "study")
    plain = web.get(f"{path}?accept=application/zip", None)
    more = web.get(f"{path}?accept=application/zip&readme=yes", None)
    assert more.headers["ETag"] != plain.headers["ETag"]
    with zipfile.ZipFile(io.BytesIO(plain.content)) as archive:
        names = archive.namelist()
    with zipfile.ZipFile(io.BytesIO(more.content)) as archive:
        assert sorted(archive.namelist()) == sorted([*names, "README.TXT"])
        text = archive.read("README.TXT").decode("ascii")
    assert "DICOMDIR" in text and "Test" not in text and str(held[0].PatientID) not in text
    assert web.get(f"{path}?accept=application/zip&readme=maybe", None).status_code == 400


def test_the_same_files_are_the_same_archive(web, held):
    """RFC 9110 §8.8.3: a strong entity tag means the same bytes."""
    path = path_of(held[0], "study")
    first, second = (web.get(path, ZIP) for _ in range(2))
    assert first.content == second.content and first.headers["ETag"] == second.headers["ETag"]
    again = requests.get(web.root + path, headers={"Accept": ZIP, "If-None-Match": first.headers["ETag"]}, timeout=20)
    assert again.status_code == 304


@pytest.mark.parametrize(("charset", "name"), NAMES)
def test_names_in_every_script_are_readable_in_the_directory(subject, web, charset, name, tmp_path):
    """PS3.3 §F.3.2.2, §C.12.1.1.2."""
    term = charset.split("\\") if "\\" in charset else charset
    items = stored(subject, *data.study(1, 1, SpecificCharacterSet=term, PatientName=name))
    folder = unpacked(web.get(path_of(items[0], "study"), ANY), tmp_path)
    (instance,) = FileSet(folder / "DICOMDIR")
    assert instance.PatientName == name
    shown = dcmtk("dcmdump", "+U8", str(folder / "DICOMDIR"))
    assert shown.returncode == 0 and name in shown.stdout


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_what_may_not_leave_as_it_is_stored_is_laid_out_anew(subject, web, syntax, tmp_path):
    """PS3.18 §8.7.3: neither implicit VR nor big endian; the directory says what the file is in."""
    items = stored(subject, *data.study(1, 2, transfer_syntax=syntax))
    folder = unpacked(web.get(path_of(items[0], "study"), ANY), tmp_path)
    for instance in FileSet(folder / "DICOMDIR"):
        assert instance.ReferencedTransferSyntaxUIDInFile == ExplicitVRLittleEndian
        found = instance.load()
        item = next(item for item in items if item.SOPInstanceUID == instance.SOPInstanceUID)
        assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert found.PatientName == item.PatientName and found.InstanceNumber == item.InstanceNumber


def test_what_cannot_be_given_is_left_out_and_told(web, subject, tmp_path):
    """PS3.18 §8.7.8, §10.4.3: 206 with a warning when some can be given, 406 when none can."""
    study = data.uid()
    plain = data.instance(StudyInstanceUID=study)
    video = data.instance(StudyInstanceUID=study, transfer_syntax="1.2.840.10008.1.2.4.102", PixelData=None)
    for item in (plain, video):
        assert web.stow(data.file_of(item)).status_code in (200, 202)
    answer = web.get(f"/studies/{study}", f"{ZIP}; transfer-syntax={ExplicitVRLittleEndian}")
    assert answer.status_code == 206 and answer.headers["Warning"].startswith("299 ")
    folder = unpacked(answer, tmp_path)
    assert set(files_of(folder)) == {plain.SOPInstanceUID}
    refused = web.get(path_of(video, "instance"), f"{ZIP}; transfer-syntax={ExplicitVRLittleEndian}")
    assert refused.status_code == 406


def test_other_programs_take_it(web, held, tmp_path):
    """unzip, DCMTK's dcmdump and dcmmkdir, and java.util.zip, which reads from the front."""
    answer = web.get(path_of(held[0], "study"), ANY)
    packed = tmp_path / "study.zip"
    packed.write_bytes(answer.content)
    folder = tmp_path / "out"
    if shutil.which("unzip"):
        assert subprocess.run(["unzip", "-t", packed], capture_output=True, timeout=60).returncode == 0
    unpacked(answer, folder)
    shown = dcmtk("dcmdump", str(folder / "DICOMDIR"))
    assert shown.returncode == 0 and not shown.stderr.strip(), shown.stderr
    more = data.instance()
    (folder / "MORE").write_bytes(data.file_of(more))
    updated = dcmtk("dcmmkdir", "--update", "--general-purpose", "MORE", cwd=folder)
    assert updated.returncode == 0, updated.stderr
    listed = {instance.SOPInstanceUID for instance in FileSet(folder / "DICOMDIR")}
    assert listed == {item.SOPInstanceUID for item in held} | {more.SOPInstanceUID}


READER = """
import java.io.*; import java.util.zip.*;
public class Reader { public static void main(String[] a) throws Exception {
  ZipInputStream in = new ZipInputStream(new FileInputStream(a[0])); ZipEntry e;
  while ((e = in.getNextEntry()) != null) {
    CRC32 crc = new CRC32(); byte[] b = new byte[8192]; int n; while ((n = in.read(b)) > 0) crc.update(b, 0, n);
    System.out.println(e.getName() + " " + crc.getValue()); } } }
"""


def test_who_reads_from_the_front_can(web, held, tmp_path):
    """`java.util.zip.ZipInputStream`, which viewers unpack with, sees no central directory."""
    if shutil.which("java") is None:
        pytest.skip("there is no Java")
    packed, program = tmp_path / "study.zip", tmp_path / "Reader.java"
    packed.write_bytes(web.get(path_of(held[0], "study"), ANY).content)
    program.write_text(READER)
    ran = subprocess.run(["java", program, packed], capture_output=True, text=True, timeout=120)
    if "jdk.compiler" in ran.stderr:
        pytest.skip("Java is there without its compiler")
    assert ran.returncode == 0, ran.stderr
    with zipfile.ZipFile(packed) as archive:
        expected = [f"{entry.filename} {entry.CRC}" for entry in archive.infolist()]
    assert ran.stdout.split("\n")[:-1] == expected


def test_a_study_goes_out_in_bounded_memory_and_a_client_may_leave(make_subject):
    """Neither the archive nor a file is held whole."""
    node = make_subject()
    web = Web(node.dicomweb)
    items = data.study(1, 6, rows=2**15)
    for item in items:
        item.PixelData = item.PixelData * 16
        item.Columns = 256
        assert web.stow(data.file_of(item)).status_code == 200
    if node.place is not None and node.place.bucket is not None:
        # What is uploaded is held, too.
        await_objects(node.place.bucket, len(items), "stored")
    url = web.root + path_of(items[0], "study")
    for _ in range(2):
        with requests.get(url, headers={"Accept": ANY}, stream=True, timeout=60) as answer:
            next(answer.iter_content(1000))
    node.forget_peak()
    before, total = node.peak_bytes(), 0
    with requests.get(url, headers={"Accept": ANY}, stream=True, timeout=120) as answer:
        for chunk in answer.iter_content(2**20):
            total += len(chunk)
    assert total >= 6 * 2**24
    assert node.peak_bytes() - before < 24 * 2**20


def test_every_sample_is_listed_with_a_record_of_its_kind(own_subject, tmp_path):
    """PS3.3 §F.4: reports, plans, waveforms, presentation states and what else there is."""
    web, known = Web(own_subject.dicomweb), {}
    for sample in samples.good():
        kind = sample.sop_class
        if kind not in known and web.stow(sample.bytes()).status_code in (200, 202):
            known[kind] = sample
    assert len(known) > 5
    kinds = set()
    for number, sample in enumerate(known.values()):
        path = f"/studies/{sample.study}/series/{sample.series}/instances/{sample.sop_instance}"
        folder = unpacked(web.get(path, ANY), tmp_path / str(number))
        directory = dcmread(folder / "DICOMDIR")
        record = directory.DirectoryRecordSequence[3]
        kinds.add(record.DirectoryRecordType)
        assert record.ReferencedSOPInstanceUIDInFile == sample.sop_instance
        # pydicom knows no annotations among its types of records.
        if record.DirectoryRecordType != "ANNOTATION":
            (instance,) = FileSet(folder / "DICOMDIR")
            assert instance.SOPInstanceUID == sample.sop_instance and instance.load() is not None
        shown = dcmtk("dcmdump", str(folder / "DICOMDIR"))
        assert shown.returncode == 0
    assert {"IMAGE", "SR DOCUMENT"} <= kinds, kinds

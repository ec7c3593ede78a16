"""Orthanc with its DICOMweb plugin, as Debian packages them: the server the suite itself is proven on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import requests
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom.sop_class import ModalityWorklistInformationFind

from .base import CannotStart, Subject

PLUGIN = "libOrthancDicomWeb.so"
WORKLIST_PLUGIN = "libModalityWorklists.so"
PLUGIN_FOLDERS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins", "/usr/local/share/orthanc/plugins")


def program() -> str:
    """Where the server is."""
    for name in ("Orthanc", "/usr/sbin/Orthanc"):
        if found := shutil.which(name):
            return found
    raise CannotStart("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")


def plugin() -> str:
    """Where the DICOMweb plugin is."""
    if found := _plugin(PLUGIN):
        return found
    raise CannotStart("Orthanc's DICOMweb plugin is not installed: apt-get install orthanc-dicomweb")


def _plugin(name: str) -> str | None:
    paths = (Path(folder) / name for folder in PLUGIN_FOLDERS)
    return next((str(path) for path in paths if path.exists()), None)


class Orthanc(Subject):
    """A peer that others wrote."""

    name = "orthanc"
    default_ae_title = "ORTHANC"

    def _orders(self) -> Path:
        folder = self.folder / "worklist"
        folder.mkdir(exist_ok=True)
        return folder

    def add_order(self, order: Dataset) -> None:
        if _plugin(WORKLIST_PLUGIN) is None:
            pytest.skip("Orthanc's worklist plugin is not installed")
        order.file_meta = FileMetaDataset()
        order.file_meta.MediaStorageSOPClassUID = ModalityWorklistInformationFind
        order.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        order.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        name = self._orders() / f"{order.file_meta.MediaStorageSOPInstanceUID}.wl"
        dcmwrite(name, order, enforce_file_format=True, little_endian=True, implicit_vr=False)

    def command(self) -> list[str]:
        configuration = {
            "Name": self.ae_title,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "Plugins": [plugin(), *filter(None, [_plugin(WORKLIST_PLUGIN)])],
            "Worklists": {"Enable": True, "Database": str(self._orders())},
            "DicomAlwaysAllowFindWorklist": True,
            "DicomAet": self.ae_title,
            "DicomPort": self.dimse_port,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalitiesInDatabase": True,
            "UnknownSopClassAccepted": True,
            "DicomThreadsCount": 32,
            "SynchronousCMove": True,
            "OverwriteInstances": False,
            "HttpPort": self.web_port,
            "HttpServerEnabled": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "StableAge": 1,
            "DicomWeb": {"Enable": True, "Root": self.dicomweb_root + "/", "PublicRoot": self.dicomweb_root + "/"},
        }
        configuration |= self.settings
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(configuration, indent=2))
        return [program(), str(path)]

    def ready_path(self) -> str:
        return "/system"

    def add_remote(self, name: str, ae_title: str, port: int, host: str = "127.0.0.1") -> None:
        answer = requests.put(
            f"{self.url}/modalities/{name}", json={"AET": ae_title, "Host": host, "Port": port}, timeout=10,
        )
        answer.raise_for_status()

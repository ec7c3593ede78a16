"""Requests of the URI service (PS3.18 §9), as a link in a document makes them."""

from __future__ import annotations

import urllib.parse
from typing import Any

import requests
from pydicom.dataset import Dataset

from subjects import Subject


def get(subject: Subject, item: Dataset, accept: str = "*/*", **parameters: Any) -> requests.Response:
    """GET of the instance; a parameter that is None is left out."""
    asked = {
        "requestType": "WADO", "studyUID": item.StudyInstanceUID, "seriesUID": item.SeriesInstanceUID,
        "objectUID": item.SOPInstanceUID, **parameters,
    }
    root = subject.dicomweb.removesuffix("/dicom-web")
    asked = {name: text for name, text in asked.items() if text is not None}
    # Some servers take a solidus only as it is.
    query = urllib.parse.urlencode(asked, doseq=True, safe="/,;")
    return requests.get(f"{root}/wado?{query}", headers={"Accept": accept}, timeout=20)

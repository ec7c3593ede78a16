"""The servers that the suite can be held against, each behind the same face."""

from .base import Subject
from .causeway import Causeway
from .orthanc import Orthanc

SUBJECTS: dict[str, type[Subject]] = {"causeway": Causeway, "orthanc": Orthanc}

"""`causeway doctor`: what was refused is explained in words, with the setting that would change it."""

from __future__ import annotations

import json
import subprocess

import pytest
from pynetdicom.sop_class import CTImageStorage, Verification

import data
from clients import associate, rejection, store
from subjects import Subject
from subjects.causeway import binary

pytestmark = pytest.mark.only("causeway")


def doctor(subject: Subject, *arguments: str) -> tuple[int, dict]:
    """Exit code and what it says, as JSON."""
    command = [str(binary()), "doctor", "--json", "--url", subject.url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def incidents(subject: Subject, peer: str) -> list[dict]:
    return doctor(subject, "--peer", peer)[1]["incidents"]


def test_a_caller_that_calls_another_title_is_told_of_with_both_titles(own_subject: Subject) -> None:
    for _ in range(2):
        assert rejection(own_subject, "PACS1", called="ARCHIVE") == (1, 1, 7)
    (incident,) = incidents(own_subject, "PACS1")
    assert incident["kind"] == "rejected"
    assert incident["count"] == 2
    assert "PACS1 called us ARCHIVE; our AE title is CAUSEWAY" in incident["words"]
    assert "aliases" in incident["remedy"]


def test_a_service_that_a_remote_may_not_use_is_told_of_with_the_command_that_allows_it(own_subject: Subject) -> None:
    own_subject.run("remote", "add", "ct9", "--ae-title", "CT9", "--allow", "query")
    with associate(own_subject, [Verification, CTImageStorage], calling="CT9") as association:
        assert len(association.accepted_contexts) == 1
    (incident,) = incidents(own_subject, "CT9")
    assert incident["kind"] == "context-refused"
    assert "CT Image Storage" in incident["words"]
    assert "causeway remote add ct9" in incident["remedy"]


def test_an_instance_that_was_not_taken_is_told_of_by_its_class_alone(own_subject: Subject) -> None:
    first = data.instance(PatientID="DOCTOR1")
    assert store(own_subject, first) == [0x0000]
    first.SeriesDescription = "other content"
    assert store(own_subject, first) == [0xC111]
    told = [it for it in incidents(own_subject, "CONFORMANCE") if it["kind"] == "request-refused"]
    assert len(told) == 1
    assert "C-STORE of" in told[0]["subject"]
    assert "DOCTOR1" not in json.dumps(told)


def test_what_was_refused_is_remembered_over_a_restart_until_it_is_forgotten(own_subject: Subject) -> None:
    before = incidents(own_subject, "PACS1")
    own_subject.restart()
    assert incidents(own_subject, "PACS1") == before
    own_subject.run("doctor", "--forget")
    assert doctor(own_subject)[1]["incidents"] == []


def test_a_remote_that_does_not_answer_is_a_failure_and_the_exit_code_says_so(own_subject: Subject) -> None:
    code, said = doctor(own_subject)
    assert code == 0
    assert any(finding["subject"] == "disk" for finding in said["findings"])
    own_subject.run("remote", "add", "away", "--ae-title", "AWAY", "--host", "127.0.0.1", "--port", "1")
    code, said = doctor(own_subject)
    (finding,) = [it for it in said["findings"] if it["subject"] == "remote away"]
    assert code == 1
    assert finding["verdict"] == "failure"
    assert "remote show away" in finding["remedy"]

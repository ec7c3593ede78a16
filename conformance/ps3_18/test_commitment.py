"""PS3.18 §13: storage commitment over the web, held against what is stored by both doors."""

import copy
import http.client
import json
import shutil
import subprocess
import threading
import time

import pytest
import requests
from pydicom.uid import MRImageStorage
from pynetdicom.sop_class import StorageCommitmentPushModel as COMMITMENT
from pynetdicom.sop_class import Verification

import data
from clients import Web, associate, dcmtk, stored
from commitment import Ear, pairs, reference, request
from commitment import ask as ask_by_dimse
from inquiries import (
    JSON, XML, as_json, as_xml, ask, check, committed, failed, flat, in_parts, names, nested, places, told,
)
from raw_http import Line
from raw_http import request as raw_request

#: Orthanc commits by a REST interface of its own, which is none of PS3.18.
pytestmark = pytest.mark.only("causeway")

JSON_PARTS, XML_PARTS = f'multipart/related; type="{JSON}"', f'multipart/related; type="{XML}"'
ANSWERS = [JSON, "application/json", XML, JSON_PARTS, XML_PARTS]
NO_SUCH_OBJECT, CLASS_CONFLICT, NO_SUCH_CLASS = 0x0112, 0x0119, 0x0122


def done(root, transaction, accept=JSON, seconds=40, **headers):
    """The result, asked for as often as the server asks to."""
    end = time.monotonic() + seconds
    while (answer := check(root, transaction, accept, **headers)).status_code == 202 and time.monotonic() < end:
        assert answer.content == b"" and "Content-Type" not in answer.headers
        time.sleep(int(answer.headers["Retry-After"]))
    return answer


def result(root, module, kind=JSON, accept=JSON, transaction=None, **headers):
    """What comes of a request, at once or later."""
    transaction = transaction or data.uid()
    answer = ask(root, transaction, module, kind, accept, **headers)
    assert answer.status_code in (200, 202), f"{answer.status_code}: {answer.text[:300]}"
    return told(answer if answer.status_code == 200 else done(root, transaction, accept, **headers))


@pytest.fixture(scope="module")
def kept(subject):
    """A study that is settled."""
    items = stored(subject, *data.study(2, 2))
    assert committed(result(subject.dicomweb, flat(*items))) == names(*items)
    return items


def problem(answer, status):
    """An error as RFC 9457 has it, that tells nothing of the machine."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:300]}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status and told["detail"]
    assert "/tmp" not in answer.text and ".rs" not in answer.text and "SQL" not in answer.text
    return told["detail"]


# What is committed.

def test_what_was_stored_by_dcmtk_is_committed(subject, tmp_path):
    """§13.4: DCMTK's storescu stores, the web commits to it."""
    items = data.study(2, 2)
    for number, item in enumerate(items):
        (tmp_path / f"{number}.dcm").write_bytes(data.file_of(item))
    sent = dcmtk("storescu", "-aec", subject.ae_title, "+sd", subject.host, str(subject.dimse_port), str(tmp_path))
    assert sent.returncode == 0, sent.stderr
    found = result(subject.dicomweb, flat(*items))
    assert committed(found) == names(*items)
    assert "00081198" not in found and "00081195" not in found, "no failures, and no Transaction UID (§13.4.1.1)"


def test_what_was_stored_over_the_web_is_committed(subject):
    (item,) = data.study(1, 1)
    assert Web(subject.dicomweb).stow(data.file_of(item)).status_code == 200
    assert committed(result(subject.dicomweb, nested(item))) == places(item)


def test_what_is_not_kept_has_failed_with_a_reason_each(subject, kept):
    """Table J.2-1, PS3.3 C.14.1.1: 0112 unknown, 0119 another class, 0122 no class of storage."""
    (item, other, *_), unknown, strange = kept, data.instance(), data.uid()
    module = flat(item, unknown)
    module.ReferencedSOPSequence.append(reference(MRImageStorage, other.SOPInstanceUID))
    module.ReferencedSOPSequence.append(reference(Verification, strange))
    found = result(subject.dicomweb, module)
    assert committed(found) == names(item)
    assert failed(found) == {
        names(unknown).pop(): NO_SUCH_OBJECT,
        (MRImageStorage, str(other.SOPInstanceUID)): CLASS_CONFLICT,
        (Verification, strange): NO_SUCH_CLASS,
    }


def test_a_result_of_failures_alone_names_none_that_is_committed(subject):
    for form, where in ((flat, names), (nested, places)):
        unknown = data.instance()
        found = result(subject.dicomweb, form(unknown))
        assert (committed(found), failed(found)) == (set(), {where(unknown).pop(): NO_SUCH_OBJECT})


def test_the_answer_has_the_form_of_the_request(subject, kept):
    """Table J.2-1: studies for studies, instances for instances, both for both."""
    unknown = data.instance()
    below = result(subject.dicomweb, nested(*kept, unknown))
    assert set(below) == {"00081110", "0008119B"}
    assert (committed(below), failed(below)) == (places(*kept), {places(unknown).pop(): NO_SUCH_OBJECT})
    both = flat(kept[0])
    both.update(nested(*kept[1:]))
    found = result(subject.dicomweb, both)
    assert committed(found) == names(kept[0]) | places(*kept[1:])


@pytest.mark.parametrize("level", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_instance_is_not_committed_where_it_is_not(subject, kept, level):
    """One that is kept in another study or series than the request says is not the one that is meant."""
    elsewhere = copy.deepcopy(kept[0])
    setattr(elsewhere, level, data.uid())
    found = result(subject.dicomweb, nested(elsewhere))
    assert (committed(found), failed(found)) == (set(), {places(elsewhere).pop(): NO_SUCH_OBJECT})


def test_what_was_deleted_is_not_committed(subject):
    (item,) = stored(subject, *data.study(1, 1))
    assert committed(result(subject.dicomweb, flat(item))) == names(item)
    assert requests.delete(f"{subject.dicomweb}/studies/{item.StudyInstanceUID}", timeout=20).status_code == 204
    assert failed(result(subject.dicomweb, flat(item))) == {names(item).pop(): NO_SUCH_OBJECT}


def test_the_same_instance_twice_is_told_of_once(subject, kept):
    found = result(subject.dicomweb, flat(kept[0], kept[0], kept[1]))
    assert len(found["00081199"]["Value"]) == 2


# Media types.

@pytest.mark.parametrize("form", [flat, nested])
@pytest.mark.parametrize("accept", ANSWERS)
@pytest.mark.parametrize("kind", [JSON, XML, JSON_PARTS, XML_PARTS])
def test_each_form_of_a_request_is_answered_in_each_form(subject, kept, kind, accept, form):
    """Table 13.1.3-1: what is Default and what is Required, both ways."""
    unknown, write = data.instance(), as_xml if XML in kind else as_json
    body, content_type = write(form(*kept, unknown)), kind
    if kind.startswith("multipart"):
        body, content_type = in_parts(XML if XML in kind else JSON, [write(form(*kept)), write(form(unknown))])
    transaction = data.uid()
    answer = ask(subject.dicomweb, transaction, body, content_type, accept)
    assert answer.headers["Content-Type"].startswith(accept.replace("; ", ";").split(";")[0])
    where = names if form is flat else places
    for found in (told(answer), told(check(subject.dicomweb, transaction, accept))):
        assert committed(found) == where(*kept)
        assert failed(found) == {where(unknown).pop(): NO_SUCH_OBJECT}


def test_xml_is_read_as_the_examples_of_the_standard_write_it(subject, kept):
    """§B.28: the names of XML attributes with capitals, instances below their study."""
    body = as_xml(nested(*kept), "Tag", "VR").replace(b"keyword=", b"Keyword=")
    assert committed(result(subject.dicomweb, body, XML)) == places(*kept)


def test_parts_without_header_fields_and_an_array_of_data_sets_are_read(subject, kept):
    """§B.29 has parts that do not say what they are; arrays are what other resources of JSON have."""
    one, other = kept[:2]
    body, kind = in_parts(JSON, [as_json(flat(one)), as_json(flat(other))])
    body = body.replace(f"Content-Type: {JSON}\r\n".encode(), b"")
    assert committed(result(subject.dicomweb, body, kind)) == names(one, other)
    array = b"[" + as_json(flat(one)) + b"," + as_json(flat(other)) + b"]"
    assert committed(result(subject.dicomweb, array)) == names(one, other)


@pytest.mark.parametrize("accept", [JSON, XML, XML_PARTS])
def test_the_accept_parameter_goes_before_the_header(subject, kept, accept):
    """§13.1.2, §8.3.3.1."""
    transaction, root = data.uid(), subject.dicomweb
    query = "?accept=" + accept.replace("; ", ";").replace("+", "%2B").replace(";", "%3B").replace('"', "%22")
    for answer in (
        ask(root, transaction + query, flat(*kept), accept="x/y"), check(root, transaction + query, "x/y"),
    ):
        assert answer.headers["Content-Type"].startswith(accept.split(";")[0])
        assert committed(told(answer)) == names(*kept)


def test_head_is_what_get_is_without_its_body(subject, kept):
    transaction = data.uid()
    assert ask(subject.dicomweb, transaction, flat(*kept)).status_code == 200
    plain = {"Accept-Encoding": "identity"}
    got, head = (check(subject.dicomweb, transaction, XML, verb, **plain) for verb in ("GET", "HEAD"))
    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.headers[name] == got.headers[name]
    assert check(subject.dicomweb, data.uid(), method="HEAD").status_code == 404


def test_curl_asks_and_checks(subject, kept):
    """A client of another make."""
    url = f"{subject.dicomweb}/commitment-requests/{data.uid()}"
    post = ["-H", f"Content-Type: {JSON}", "--data-binary", "@-"]
    for more, body in ((post, as_json(flat(*kept))), ([], b"")):
        command = ["curl", "-sS", "--fail", "-H", f"Accept: {JSON}", *more, url]
        done = subprocess.run(command, input=body, check=True, capture_output=True, timeout=30)
        assert committed(json.loads(done.stdout)) == names(*kept)


# Transactions.

def test_a_transaction_is_used_once(subject, kept):
    """Table 13.4.3-1: 409, for the same request as for another; the first result stays."""
    transaction, root = data.uid(), subject.dicomweb
    assert ask(root, transaction, flat(kept[0])).status_code == 200
    for module in (flat(kept[0]), flat(data.instance())):
        assert "Transaction UID" in problem(ask(root, transaction, module), 409)
    assert committed(told(check(root, transaction))) == names(kept[0])


def test_two_at_once_under_one_transaction_are_one(subject, kept):
    transaction, answers = data.uid(), []
    module = as_json(flat(*kept))
    threads = [
        threading.Thread(target=lambda: answers.append(ask(subject.dicomweb, transaction, module).status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 7


def test_a_transaction_that_nobody_used_is_not_found(subject):
    """Table 13.5.3-1: 404."""
    problem(check(subject.dicomweb, data.uid()), 404)


def test_a_request_that_is_refused_uses_no_transaction(subject, kept):
    transaction, root = data.uid(), subject.dicomweb
    problem(ask(root, transaction, b"{}"), 400)
    problem(ask(root, transaction, flat(*kept), accept="audio/basic"), 406)
    problem(ask(root, transaction, flat(*kept), kind="text/plain"), 415)
    problem(check(root, transaction), 404)
    assert ask(root, transaction, flat(*kept)).status_code == 200


def test_both_doors_commit_to_the_same_and_keep_their_transactions_apart(subject, kept):
    """One judgement; a Transaction UID of one door is none of the other's."""
    # A caller of its own: whoever is owed an earlier result is told that first.
    transaction, ear, calling = data.uid(), Ear(), "BOTHDOORS"
    assert committed(result(subject.dicomweb, flat(*kept), transaction=transaction)) == names(*kept)
    with associate(subject, [COMMITMENT], calling=calling, evt_handlers=ear.handlers) as association:
        assert ask_by_dimse(association, request(transaction, kept)) == 0x0000
        assert ear.result().committed == pairs(kept)
    other = data.uid()
    with associate(subject, [COMMITMENT], calling=calling, evt_handlers=ear.handlers) as association:
        assert ask_by_dimse(association, request(other, kept)) == 0x0000
        assert ear.result().transaction == other
    problem(check(subject.dicomweb, other), 404)


def test_the_administrator_sees_what_was_asked(subject, kept):
    transaction = data.uid()
    result(subject.dicomweb, flat(kept[0], data.instance()), transaction=transaction)
    rows = json.loads(subject.run("queue", "commitments", "--json"))
    (row,) = [row for row in rows if row["uid"] == transaction]
    assert (row["kind"], row["state"], row["inquirer"]) == ("asked-over-web", "done", "local")
    assert (row["instances"], row["failed"], row["failures"][0]["reason"]) == (2, 1, NO_SUCH_OBJECT)
    shown = subject.run("queue", "commitments")
    assert transaction in shown and "asked-over-web" in shown


# What is not decided yet, and what outlives the node.

class Away:
    """A node whose disk for objects is away: what is stored stays in the spool, and is not settled."""

    def __init__(self, make_subject, folder):
        self.objects = folder / "objects"
        self.node = make_subject(settings={"CAUSEWAY_STORE__URL": self.objects.as_uri()})
        self.node.stop()
        self._empty()
        self.node.start()
        shutil.rmtree(self.objects)
        self.objects.write_text("no folder")

    def _empty(self):
        shutil.rmtree(self.objects, ignore_errors=True)
        self.objects.mkdir()

    def back(self):
        """The disk is there again."""
        self.objects.unlink()
        self.objects.mkdir()


def test_what_is_in_the_spool_only_is_worked_on(make_subject, tmp_path):
    """§13.4.2: 202 without a payload and when to come back, until it has settled; then 200."""
    away = Away(make_subject, tmp_path)
    root, transaction = away.node.dicomweb, data.uid()
    items = stored(away.node, *data.study(1, 2))
    unknown = data.instance()
    answers = [ask(root, transaction, flat(*items, unknown))]
    answers += [check(root, transaction, method=verb) for verb in ("GET", "HEAD", "GET")]
    for answer in answers:
        assert (answer.status_code, answer.content) == (202, b"")
        assert int(answer.headers["Retry-After"]) > 0
        assert "Content-Type" not in answer.headers
    problem(ask(root, transaction, flat(*items)), 409)
    known = ask(root, data.uid(), flat(unknown))
    assert failed(told(known)) == {names(unknown).pop(): NO_SUCH_OBJECT}, "others are answered meanwhile"
    away.back()
    found = told(done(root, transaction))
    assert (committed(found), failed(found)) == (names(*items), {names(unknown).pop(): NO_SUCH_OBJECT})


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_request_that_was_answered_outlives_a_kill(make_subject, tmp_path, moment):
    """SIGKILL after the answer; `before`: while the instance is not settled."""
    away = Away(make_subject, tmp_path)
    node, transaction = away.node, data.uid()
    items = stored(node, *data.study(1, 2))
    if moment == "before":
        assert ask(node.dicomweb, transaction, flat(*items)).status_code == 202
        node.kill()
        away.back()
    else:
        away.back()
        assert committed(result(node.dicomweb, flat(*items), transaction=transaction)) == names(*items)
        node.kill()
    node.start()
    assert committed(told(done(node.dicomweb, transaction))) == names(*items)
    problem(ask(node.dicomweb, transaction, flat(*items)), 409)


def test_a_kill_amid_a_request_leaves_it_whole_or_not_at_all(make_subject):
    """SIGKILL between request and answer: either nothing was asked, or the result is there."""
    node = make_subject()
    items = stored(node, *data.study(1, 3))
    assert committed(result(node.dicomweb, flat(*items))) == names(*items)
    body, were_taken = as_json(flat(*items)), 0
    for delay in (0, 0.001, 0.002, 0.004, 0.008, 0.02):
        transaction = data.uid()
        with Line(node) as line:
            path = f"{node.dicomweb_root}/commitment-requests/{transaction}"
            line.send(raw_request("POST", path, [("Content-Type", JSON), ("Accept", JSON)], body))
            time.sleep(delay)
            node.kill()
        node.start()
        answer = done(node.dicomweb, transaction)
        if answer.status_code == 404:
            assert ask(node.dicomweb, transaction, body).status_code == 200, "nothing was taken"
        else:
            assert committed(told(answer)) == names(*items)
            were_taken += 1
    assert were_taken, "the last of them had its time"


# Who asks.

@pytest.fixture(scope="module")
def guarded(make_own_subject):
    """A node with what CT1 stored and what MR1 stored, and tokens that see all, the one's only, and may not ask."""
    node = make_own_subject()
    for name in ("ct1", "mr1"):
        node.run("remote", "add", name, "--ae-title", name.upper(), "--allow", "store,query,retrieve,commit")
    node.seen, node.hidden = (stored(node, *data.study(1, 1), calling=name)[0] for name in ("CT1", "MR1"))
    node.token = {
        "all": node.run("token", "add", "all", "--allow", "commit").strip(),
        "other": node.run("token", "add", "other", "--allow", "commit").strip(),
        "ct1": node.run("token", "add", "ct1-only", "--allow", "commit", "--from", "ct1").strip(),
        "reader": node.run("token", "add", "reader", "--allow", "query,retrieve,store,delete").strip(),
    }
    bearer(node, "all")
    assert committed(result(node.dicomweb, flat(node.seen, node.hidden), **bearer(node, "all")))
    return node


def bearer(node, name):
    return {"Authorization": f"Bearer {node.token[name]}"}


def test_what_a_token_does_not_see_is_answered_as_what_never_was(guarded):
    """PS3.3 C.14.1.1: 0112, to the letter as for an unknown instance, in both forms."""
    unknown = data.study(1, 1)[0]
    for form, where in ((flat, names), (nested, places)):
        found = result(guarded.dicomweb, form(guarded.seen, guarded.hidden, unknown), **bearer(guarded, "ct1"))
        assert committed(found) == where(guarded.seen)
        assert failed(found) == dict.fromkeys(where(guarded.hidden, unknown), NO_SUCH_OBJECT)
    wrong = flat(guarded.hidden)
    wrong.ReferencedSOPSequence[0].ReferencedSOPClassUID = MRImageStorage
    assert set(failed(result(guarded.dicomweb, wrong, **bearer(guarded, "ct1"))).values()) == {NO_SUCH_OBJECT}


def test_a_transaction_is_its_caller_s_own(guarded):
    """Another's is not found, and may be used: nobody learns of it, and nobody is kept from it."""
    root, transaction = guarded.dicomweb, data.uid()
    assert ask(root, transaction, flat(guarded.seen), **bearer(guarded, "all")).status_code == 200
    for name in ("other", "ct1"):
        answers = [check(root, uid, **bearer(guarded, name)) for uid in (transaction, data.uid())]
        assert problem(answers[0], 404) == problem(answers[1], 404)
    assert ask(root, transaction, flat(guarded.hidden), **bearer(guarded, "other")).status_code == 200
    assert committed(told(check(root, transaction, **bearer(guarded, "all")))) == names(guarded.seen)
    assert committed(told(check(root, transaction, **bearer(guarded, "other")))) == names(guarded.hidden)


def test_who_may_not_ask_is_refused(guarded):
    """§8.5: 403, with what is lacking; 401 for a token that is none."""
    root, transaction = guarded.dicomweb, data.uid()
    for answer in (
        ask(root, transaction, flat(guarded.seen), **bearer(guarded, "reader")), check(root, transaction, **bearer(guarded, "reader")),
    ):
        assert "commit" in problem(answer, 403)
        assert 'scope="commit"' in answer.headers["WWW-Authenticate"]
    bad = {"Authorization": "Bearer nothing"}
    for answer in (ask(root, transaction, flat(guarded.seen), **bad), check(root, transaction, **bad)):
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        problem(answer, 401)


def test_a_page_elsewhere_may_read_when_to_come_back(make_subject):
    """WHATWG Fetch, CORS protocol."""
    origin = "https://viewer.example.org"
    node = make_subject(settings={"CAUSEWAY_WEB__CORS": f'["{origin}"]'})
    answer = check(node.dicomweb, data.uid(), Origin=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "retry-after" in answer.headers["Access-Control-Expose-Headers"]


# What is no request.

BAD_MODULES = {
    "nothing": b"", "no json": b"{", "null": b"null", "no attributes": b"{}", "no data set": b"[]", "a number": b"1",
    "no items": b'{"00081199":{"vr":"SQ","Value":[]}}', "an empty item": b'{"00081199":{"vr":"SQ","Value":[{}]}}',
    "no sequence": b'{"00081199":{"vr":"UI","Value":["1.2.3"]}}',
    "no series": b'{"00081110":{"vr":"SQ","Value":[{"0020000D":{"vr":"UI","Value":["1.2"]}}]}}',
    "bulk data": b'{"00420011":{"vr":"OB","BulkDataURI":"file:///etc/passwd"}}',
    "deep": b'{"00081199":{"vr":"SQ","Value":[' * 5000 + b"]}}" * 5000,
}
BAD_UIDS = ["", "1.2.x", "1." + "2" * 64, "../../etc/passwd", "1.2.3\\\\1.2.4", "%00", "' OR 1=1 --", "\u0663.1"]


@pytest.mark.parametrize("bad", BAD_MODULES)
def test_what_is_no_request_is_400(subject, bad):
    """§13.4.3.1: errors in what was asked."""
    problem(ask(subject.dicomweb, data.uid(), BAD_MODULES[bad]), 400)


@pytest.mark.parametrize("uid", BAD_UIDS)
@pytest.mark.parametrize("tag", ["00081150", "00081155"])
def test_what_is_no_uid_is_400(subject, uid, tag):
    """PS3.5 §9.1."""
    item = {"00081150": {"vr": "UI", "Value": ["1.2.3"]}, "00081155": {"vr": "UI", "Value": ["1.2.3"]}}
    item[tag] = {"vr": "UI", "Value": [uid]}
    body = json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode()
    problem(ask(subject.dicomweb, data.uid(), body), 400)


@pytest.mark.parametrize("uid", ["1.2.x", "1." + "2" * 64, "..%2F..%2Fetc%2Fpasswd", "..%5C..%5Cetc", "%00", "1.2.3%0d%0aX: y", "%2e%2e", "1..2", ".1"])
def test_a_transaction_that_is_no_uid_is_400(subject, kept, uid):
    """§13.4.3.1; a path that leads out leads nowhere."""
    path = f"{subject.dicomweb_root}/commitment-requests/{uid}".replace(" ", "%20")
    body = as_json(flat(*kept))
    for method, given in (("GET", None), ("POST", body)):
        with Line(subject) as line:
            line.send(raw_request(method, path, [("Content-Type", JSON), ("Accept", JSON)], given))
            answer = line.answer(method)
        assert answer.status == 400, f"{method} {path}: {answer.status}"
        assert answer.header("x") is None


def test_a_bomb_of_entities_is_not_lit(subject):
    """A document type, which unfolds or reads files, is refused before it is looked into."""
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    for inner in (f'<!ENTITY l0 "1.2.3">{lines}', '<!ENTITY l11 SYSTEM "file:///etc/passwd">'):
        body = f"<?xml version='1.0'?><!DOCTYPE x [{inner}]><NativeDicomModel>&l11;</NativeDicomModel>".encode()
        assert "root:" not in problem(ask(subject.dicomweb, data.uid(), body, XML), 400)


def test_a_coded_body_is_415(subject, kept):
    answer = ask(subject.dicomweb, data.uid(), as_json(flat(*kept)), **{"Content-Encoding": "gzip"})
    problem(answer, 415)


def test_twenty_thousand_are_taken_and_one_more_is_413(subject, kept):
    """Below, at and above the bound of the request; the words tell the way out."""
    def written(count):
        item = '{"00081150":{"vr":"UI","Value":["%s"]},"00081155":{"vr":"UI","Value":["%s"]}}'
        items = [item % (kept[0].SOPClassUID, kept[0].SOPInstanceUID)]
        items += [item % ("1.2.840.10008.5.1.4.1.1.2", f"2.25.{number + 1}") for number in range(count - 1)]
        return ('{"00081199":{"vr":"SQ","Value":[' + ",".join(items) + "]}}").encode()

    for count in (19_999, 20_000):
        found = result(subject.dicomweb, written(count))
        assert committed(found) == names(kept[0])
        assert len(failed(found)) == count - 1
    assert "several" in problem(ask(subject.dicomweb, data.uid(), written(20_001)), 413)


def test_a_million_references_are_refused_and_cost_little(own_subject):
    """Before they are read where their length is said, as soon as they are too many where it is not."""
    item = b'{"00081150":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},"00081155":{"vr":"UI","Value":["2.25.1"]}},'
    head = b'{"00081199":{"vr":"SQ","Value":['
    own_subject.forget_peak()
    before = own_subject.peak_bytes()
    url = f"{own_subject.dicomweb_root}/commitment-requests/{data.uid()}"
    length = len(head) + 1_000_000 * len(item)
    fields = [("Content-Type", JSON), ("Accept", JSON)]
    with Line(own_subject) as line:
        line.send(raw_request("POST", url, [*fields, ("Content-Length", str(length))]))
        answer = line.answer("POST")
    assert (answer.status, answer.header("content-type")) == (413, "application/problem+json")
    with Line(own_subject) as line:
        line.send(raw_request("POST", url, [*fields, ("Transfer-Encoding", "chunked")]))
        piece = item * 10_000
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        line.send(b"%x\r\n%s\r\n" % (len(head), head))
        sent = sum(1 for _ in range(100) if line.send(chunk))
        assert sent < 100, "the rest was not waited for"
    assert own_subject.peak_bytes() - before < 200 * 1024 * 1024
    assert check(own_subject.dicomweb, data.uid()).status_code == 404


def test_a_body_that_breaks_off_uses_no_transaction(subject, kept):
    transaction = data.uid()
    path, body = f"{subject.dicomweb_root}/commitment-requests/{transaction}", as_json(flat(*kept))
    with Line(subject) as line:
        line.send(raw_request("POST", path, [("Content-Type", JSON), ("Content-Length", str(len(body) + 10))]) + body)
    time.sleep(0.2)
    problem(check(subject.dicomweb, transaction), 404)


def test_the_collection_itself_is_no_resource(subject):
    """§13.3: the two transactions are of a single request."""
    for verb in ("GET", "POST"):
        assert requests.request(verb, f"{subject.dicomweb}/commitment-requests", timeout=20).status_code == 404


def test_eight_large_requests_at_once_are_all_answered(own_subject):
    """What is read at once is bounded; the others wait for their place."""
    body = as_json(flat(*[data.instance(rows=1) for _ in range(200)]))
    answers = []

    def one():
        connection = http.client.HTTPConnection(own_subject.host, own_subject.web_port, timeout=60)
        path = f"{own_subject.dicomweb_root}/commitment-requests/{data.uid()}"
        connection.request("POST", path, body, {"Content-Type": JSON, "Accept": JSON})
        answers.append(connection.getresponse().status)

    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 24

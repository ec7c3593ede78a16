// A DIMSE peer made of dcmjs-dimse: it does one thing, told as JSON in its second argument, and says what came of it
// as JSON, one object a line. What is right about that is for the tests to say.
//
//   node peer.js echo|store|find|move|get|commit '{"host", "port", "calling", "called", "options", ...}'
//       store: "files"; find, move, get: "keys" with QueryRetrieveLevel; move: "destination";
//       commit: "transaction", "references" as pairs of class and instance
//       one line at the end: {"accepted", "rejected", "responses", "stored", "reports", "error"}
//   node peer.js receive '{"port", "status", "classes", "syntaxes"}'
//       a line {"listening"} once it takes calls, and one for each instance; runs until it is ended
'use strict';

const { writeSync } = require('node:fs');

const { Client, Dataset, Scp, Server, constants, log, requests, responses } = require('dcmjs-dimse');

const { PresentationContextResult, SopClass, Status, StorageClass } = constants;

log.setLevel('silent');

function say(line) {
  writeSync(1, JSON.stringify(line) + '\n');
}

// What an instance tells of itself.
function described(request, syntax) {
  const elements = request.getDataset().getElements();
  const command = request.getCommandDataset().getElements();
  return {
    sopClass: request.getAffectedSopClassUid(),
    sopInstance: request.getAffectedSopInstanceUid(),
    syntax,
    originator: command.MoveOriginatorApplicationEntityTitle,
    originatorMessage: command.MoveOriginatorMessageID,
    patientName: elements.PatientName === undefined ? undefined : String(elements.PatientName),
    patientId: elements.PatientID,
    dataSetInstance: elements.SOPInstanceUID,
    pixelBytes: [elements.PixelData].flat().reduce((sum, part) => sum + (part ? part.byteLength : 0), 0),
  };
}

const request = {
  echo: () => [new requests.CEchoRequest()],
  store: (task) => task.files.map((file) => new requests.CStoreRequest(file)),
  find: (task) => {
    const { QueryRetrieveLevel: level, ...keys } = task.keys;
    const make = { STUDY: 'createStudyFindRequest', SERIES: 'createSeriesFindRequest', IMAGE: 'createImageFindRequest' };
    return [requests.CFindRequest[make[level]](keys)];
  },
  move: (task) => [retrieval(requests.CMoveRequest, 'Move', [task.destination], task.keys)],
  get: (task) => {
    const made = retrieval(requests.CGetRequest, 'Get', [], task.keys);
    made.setAddStorageSopClassesToAssociation(true);
    return [made];
  },
  commit: (task) => {
    const model = SopClass.StorageCommitmentPushModel;
    const made = new requests.NActionRequest(model, '1.2.840.10008.1.20.1.1', 1);
    made.setDataset(new Dataset({
      TransactionUID: task.transaction,
      ReferencedSOPSequence: task.references.map(([sopClass, sopInstance]) => (
        { ReferencedSOPClassUID: sopClass, ReferencedSOPInstanceUID: sopInstance }
      )),
    }));
    return [made];
  },
};

function retrieval(kind, word, first, keys) {
  const uids = [keys.StudyInstanceUID, keys.SeriesInstanceUID, keys.SOPInstanceUID];
  const [name, count] = { STUDY: ['Study', 1], SERIES: ['Series', 2], IMAGE: ['Image', 3] }[keys.QueryRetrieveLevel];
  return kind[`create${name}${word}Request`](...first, ...uids.slice(0, count));
}

function response(answer) {
  const told = { status: answer.getStatus(), comment: answer.getErrorComment() };
  if (answer.getRemaining !== undefined) {
    const { getRemaining, getCompleted, getFailures, getWarnings } = answer;
    told.remaining = getRemaining.call(answer);
    told.completed = getCompleted.call(answer);
    told.failures = getFailures.call(answer);
    told.warnings = getWarnings.call(answer);
  }
  if (answer.hasDataset()) {
    told.dataset = answer.getDataset().getElements();
  }
  return told;
}

function ask(verb, task) {
  const outcome = { accepted: false, responses: [], stored: [], reports: [] };
  const client = new Client();
  for (const one of request[verb](task)) {
    one.on('response', (answer) => outcome.responses.push(response(answer)));
    client.addRequest(one);
  }
  client.on('associationAccepted', () => { outcome.accepted = true; });
  client.on('associationRejected', (rejected) => { outcome.rejected = rejected; });
  client.on('networkError', (error) => { outcome.error = String(error); });
  client.on('cStoreRequest', (stored, callback) => {
    outcome.stored.push(described(stored));
    const answer = responses.CStoreResponse.fromRequest(stored);
    answer.setStatus(Status.Success);
    callback(answer);
  });
  client.on('nEventReportRequest', (report, callback) => {
    outcome.reports.push({ kind: report.getEventTypeId(), dataset: report.getDataset().getElements() });
    const answer = responses.NEventReportResponse.fromRequest(report);
    answer.setStatus(Status.Success);
    callback(answer);
  });
  client.on('closed', () => say(outcome));
  client.send(task.host, task.port, task.calling, task.called, task.options || {});
}

function receive(task) {
  const classes = new Set(task.classes || [SopClass.Verification, ...Object.values(StorageClass)]);
  class Receiver extends Scp {
    associationRequested(association) {
      this.association = association;
      for (const { id } of association.getPresentationContexts()) {
        const context = association.getPresentationContext(id);
        const offered = context.getTransferSyntaxUids();
        const taken = offered.find((syntax) => !task.syntaxes || task.syntaxes.includes(syntax));
        if (!classes.has(context.getAbstractSyntaxUid())) {
          context.setResult(PresentationContextResult.RejectAbstractSyntaxNotSupported);
        } else if (taken === undefined) {
          context.setResult(PresentationContextResult.RejectTransferSyntaxesNotSupported);
        } else {
          context.setResult(PresentationContextResult.Accept, taken);
        }
      }
      this.sendAssociationAccept();
    }

    associationReleaseRequested() {
      this.sendAssociationReleaseResponse();
    }

    cEchoRequest(echo, callback) {
      const answer = responses.CEchoResponse.fromRequest(echo);
      answer.setStatus(Status.Success);
      callback(answer);
    }

    cStoreRequest(stored, callback) {
      say(described(stored, stored.getDataset().getTransferSyntaxUid()));
      const answer = responses.CStoreResponse.fromRequest(stored);
      answer.setStatus(task.status || Status.Success);
      callback(answer);
    }
  }
  const server = new Server(Receiver);
  server.on('networkError', (error) => say({ error: String(error) }));
  server.listen(task.port);
  say({ listening: task.port });
}

const [, , verb, text] = process.argv;
const task = JSON.parse(text);
if (verb === 'receive') {
  receive(task);
} else {
  ask(verb, task);
}

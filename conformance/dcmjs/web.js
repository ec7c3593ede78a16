// dicomweb-client, the library that viewers are built with, run by node: one call, told as JSON on standard output.
"use strict";

const fs = require("fs");
global.XMLHttpRequest = require("xhr2");
global.window = global;
const { api } = require("dicomweb-client");

// What came, in a form that JSON can hold: bytes as base64.
function told(value) {
  if (value instanceof ArrayBuffer) return { bytes: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(told);
  return value;
}

async function main([url, call, text]) {
  const client = new api.DICOMwebClient({ url });
  const options = JSON.parse(text);
  if (options.files) {
    options.datasets = options.files.map((file) => {
      const bytes = fs.readFileSync(file);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    });
    delete options.files;
  }
  try {
    console.log(JSON.stringify({ value: told(await client[call](options)) }));
  } catch (error) {
    console.log(JSON.stringify({ status: error.status ?? null, message: String(error.message ?? error) }));
  }
}

main(process.argv.slice(2));

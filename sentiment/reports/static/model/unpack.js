// Reads what reports/packed_model.py packed: the length of a JSON text, the text, then arrays.
import { Model } from "./model.js";

export async function unpackModel(base64) {
  const bytes = await gunzip(fromBase64(base64));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 4 + view.getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  let offset = start;
  const arrays = {};
  for (const { name, kind, count } of facts.arrays) {
    const { size, read } = READERS[kind];
    arrays[name] = read(bytes.subarray(offset, offset + size * count), count);
    offset += size * count;
  }
  return new Model(facts, arrays);
}

function fromBase64(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Numbers are stored byte by byte: first the lowest byte of all numbers, then the next one.
const READERS = {
  float16: { size: 2, read: readFloat16 },
  float32: { size: 4, read: readFloat32 },
  steps: { size: 8, read: readSteps },
};

// Float16 numbers, as Float32Array.
function readFloat16(bytes, count) {
  const values = float16Values();
  const numbers = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    numbers[index] = values[bytes[index] | (bytes[count + index] << 8)];
  }
  return numbers;
}

// The value of each float16 number, by its 16 bits.
function float16Values() {
  return Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    const sign = bits >> 15 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
  });
}

// Float32 numbers, as Float64Array, in which the network computes.
function readFloat32(bytes, count) {
  const view = new DataView(new ArrayBuffer(4));
  return Float64Array.from({ length: count }, (_, index) => {
    for (let byte = 0; byte < 4; byte++) view.setUint8(byte, bytes[byte * count + index]);
    return view.getFloat32(0, true);
  });
}

// Ascending whole numbers below 2^53, stored as differences, as Float64Array.
function readSteps(bytes, count) {
  const numbers = new Float64Array(count);
  let number = 0;
  for (let index = 0; index < count; index++) {
    for (let byte = 0; byte < 7; byte++) number += bytes[byte * count + index] * 2 ** (8 * byte);
    numbers[index] = number;
  }
  return numbers;
}

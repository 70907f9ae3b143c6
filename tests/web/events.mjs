// Scalars of TensorBoard's event files: records of length, checksum, message and checksum.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The fields of a protobuf message: number and content, a varint or bytes. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at];
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const size = { 0: null, 1: 8, 5: 4 }[key & 7];
    const length = size === undefined ? varint() : size;
    if (length === null) yield [key >> 3, varint()];
    else {
      yield [key >> 3, bytes.subarray(at, at + length)];
      at += length;
    }
  }
}

/** The values of a tag, in the order of the files and of their records. */
export function scalars(folder, tag) {
  const found = [];
  for (const name of readdirSync(folder).sort()) {
    const file = readFileSync(join(folder, name));
    for (let at = 0; at < file.length;) {
      const length = Number(file.readBigUInt64LE(at));
      const event = file.subarray(at + 12, at + 12 + length);
      at += 16 + length;
      for (const [summary, values] of fields(event)) {
        if (summary !== 5) continue;
        for (const [, value] of fields(values)) {
          const parts = Object.fromEntries(fields(value));
          if (parts[1]?.toString() === tag) found.push(parts[2].readFloatLE(0));
        }
      }
    }
  }
  return found;
}

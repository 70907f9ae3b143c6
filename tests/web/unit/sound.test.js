import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { otherKind, soundHeader, tagBytes } from "../../../web/sound-header.js";
import { soundOfChannels } from "../../../web/sound.js";
import { wavBytes, wavChannels, wavFormat } from "../../../web/wav.js";

const fixture = (name) => readFileSync(new URL(`../../fixtures/audio/${name}`, import.meta.url));

// make.py made the fixtures: 22,050 Hz; the length is that of tones.wav.
test("headers tell the rate, and some the length", () => {
  const wav = fixture("tones.wav");
  const seconds = (wav.length - 44) / (2 * 22050);
  for (const [name, want] of [
    ["tones.wav", { rate_hz: 22050, seconds, promised_s: seconds }],
    ["tones.flac", { rate_hz: 22050, seconds, promised_s: seconds }],
    ["tones.ogg", { rate_hz: 22050, seconds: null, promised_s: null }],
    ["tones.mp3", { rate_hz: 22050, seconds: null, promised_s: null }],
    ["tones.mp2", { rate_hz: 22050, seconds: null, promised_s: null }],
    ["tones.m4a", null],
  ]) {
    const bytes = fixture(name);
    const tag = tagBytes(bytes);
    assert.deepEqual(soundHeader(bytes.subarray(tag), bytes.length - tag), want, name);
    assert.equal(otherKind(bytes), null, name);
    // Of a header that is cut nothing is said, and nothing goes wrong.
    for (let end = tag; end < tag + 60; end += 1) soundHeader(bytes.subarray(tag, end), bytes.length - tag);
  }
  const cut = soundHeader(wav.subarray(0, 200), 44 + 11025);
  assert.deepEqual(cut, { rate_hz: 22050, seconds: 0.25, promised_s: seconds }, "a file that is cut");
});

test("AIFF, AU and Opus", () => {
  const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
  // 2 channels, 88,200 frames, 16 bits, and 44,100 Hz as a float of 80 bits.
  const format = [0, 2, 0, 1, 0x58, 0x88, 0, 16, 0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
  const name = bytes("NAME", [0, 0, 0, 3], "abc\0");
  const aiff = bytes("FORM", [0, 0, 0, 0], "AIFF", name, "COMM", [0, 0, 0, 18], format);
  assert.deepEqual(soundHeader(aiff, aiff.length), { rate_hz: 44100, seconds: 2, promised_s: 2 });
  const au = bytes(".snd", [0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0x1f, 0x40, 0, 0, 0, 1]);
  assert.deepEqual(soundHeader(au, 4000), { rate_hz: 8000, seconds: null, promised_s: null });
  const opus = bytes("OggS", Array(22).fill(0), [1, 19], "OpusHead", Array(11).fill(0));
  assert.deepEqual(soundHeader(opus, 4000), { rate_hz: 48000, seconds: null, promised_s: null });
});

test("an ID3 tag is skipped, and what is no sound is named", () => {
  assert.equal(tagBytes(Buffer.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 2, 1])), 10 + 257);
  assert.equal(tagBytes(Buffer.from([0x49, 0x44, 0x33, 4, 0, 16, 0, 0, 2, 1])), 20 + 257);
  assert.equal(tagBytes(Buffer.from("RIFF")), 0);
  for (const [start, kind] of [
    ["file,genre\nä,rock\n", "text"], ["\u{1f3b5}".repeat(9), "text"], ["%PDF-1.7", "a PDF document"],
  ]) {
    assert.equal(otherKind(Buffer.from(start)), kind);
  }
  assert.equal(otherKind(Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10])), "a PNG picture");
  // A character that is cut at the end is no damage; bytes that are no text are not.
  assert.equal(otherKind(Buffer.from("abcä").subarray(0, 4)), "text");
  assert.equal(otherKind(Buffer.from([1, 2, 3])), null);
  assert.equal(otherKind(Buffer.from([0x61, 0xff, 0x62])), null);
});

test("the mean of channels is used, and the note says what the browser did", async () => {
  const [left, right] = [[0.5, -0.25, 0.1], [0, 0.75, 0.2]].map((values) => Float32Array.from(values));
  const stereo = await soundOfChannels("a.wav", [left, right], 22050, 44100);
  const last = Math.fround(left[2] + right[2]) / 2;
  assert.deepEqual([...stereo.samples], [0.25, 0.25, last]);
  assert.equal(stereo.nothing, null);
  assert.equal(stereo.note,
    "the browser resampled it from 44100 Hz to the model's 22050 Hz; the mean of 2 channels is used");
  const of = (channel, ownRate) => soundOfChannels("a", [Float32Array.from(channel)], 44100, ownRate);
  assert.equal((await of([0.1], 44100)).note, "44100 Hz, as the model was trained on; one channel");
  const unknown = "the browser decoded it at the model's 44100 Hz; the file's own rate is not known to this page; " +
    "one channel";
  assert.equal((await of([0.1], null)).note, unknown);
  await assert.rejects(of([0, NaN], null), /a: sample 1 is not finite/);
});

/** A WAV file with a chunk of odd length before the format. */
function wavOf(format, data) {
  const four = (n) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255];
  const parts = ["RIFF", four(0), "WAVE", "LIST", four(3), [1, 2, 3, 0],
    "fmt ", four(format.length), format, "data", four(data.length), data];
  return new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part)))).buffer;
}

test("16-bit samples of a WAV file are divided by 32,768", async () => {
  const plain = [1, 0, 2, 0, 0x44, 0xac, 0, 0, 0x10, 0xb1, 2, 0, 4, 0, 16, 0];
  // Its coding is in the first bytes of a longer name; the length of that is 22.
  const extended = [0xfe, 0xff, ...plain.slice(2), 22, 0, 16, 0, 3, 0, 0, 0, 1, 0, ...Array(14).fill(0)];
  // Two frames, and half of one.
  const data = [0, 0x80, 0xff, 0x7f, 1, 0, 0, 0x40, 7, 0];
  for (const format of [plain, extended]) {
    const bytes = wavOf(format, data);
    const found = wavFormat(new DataView(bytes), bytes.byteLength);
    const { coding, channels, rate_hz, bits, length } = found;
    assert.deepEqual([coding, channels, rate_hz, bits, length], [1, 2, 44100, 16, 10]);
    const [left, right] = await wavChannels(bytes, found);
    assert.deepEqual([[...left], [...right]], [[-1, 1 / 32768], [32767 / 32768, 0.5]]);
    const header = soundHeader(new Uint8Array(bytes), bytes.byteLength);
    assert.deepEqual(header, { rate_hz: 44100, seconds: 10 / 176400, promised_s: 10 / 176400 });
    // A compressed coding, and frames that do not hold what the bits say.
    assert.equal(await wavChannels(bytes, { ...found, coding: 17 }), null);
    assert.equal(await wavChannels(bytes, { ...found, frameBytes: 6 }), null);
  }
});

test("other samples of a WAV file are shares of their range; a length of 0 means to the end", async () => {
  const float = (values, Kind) => [...new Uint8Array(Kind.from(values).buffer)];
  for (const [coding, bits, data, want] of [
    [1, 8, [0, 128, 255], [-1, 0, 127 / 128]],
    [1, 24, [0, 0, 0x80, 0xff, 0xff, 0xff, 1, 0, 0x40], [-1, -1 / 8388608, 0.5 + 1 / 8388608]],
    [1, 32, [0, 0, 0, 0x80, 0, 0, 0, 0x40, 0, 0, 0, 0xe0], [-1, 0.5, -0.25]],
    [3, 32, float([0.1, -2, 1e-9], Float32Array), [0.1, -2, 1e-9].map(Math.fround)],
    [3, 64, float([0.1, -2, 1e-9], Float64Array), [0.1, -2, 1e-9].map(Math.fround)],
  ]) {
    const width = bits / 8;
    const format = [coding, 0, 1, 0, 0x44, 0xac, 0, 0, 0, 0, 0, 0, width, 0, bits, 0];
    for (const length of [data.length, 0, 0x7fff0000, 0xffffffff]) {
      const bytes = wavOf(format, data);
      new DataView(bytes).setUint32(bytes.byteLength - data.length - 4, length, true);
      const [channel] = await wavChannels(bytes, wavFormat(new DataView(bytes), bytes.byteLength));
      assert.deepEqual([...channel], want, `coding ${coding}, ${bits} bits, length ${length}`);
    }
  }
});

test("the WAV file of a recording has its samples", () => {
  const samples = Float32Array.from([0.25, -1, 1e-9]);
  const bytes = wavBytes(samples, 48000);
  const { coding, channels, rate_hz, bits, start, length } = wavFormat(new DataView(bytes), bytes.byteLength);
  assert.deepEqual([coding, channels, rate_hz, bits, length], [3, 1, 48000, 32, 12]);
  assert.deepEqual(new Float32Array(bytes, start), samples);
});

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { cutsOf } from "../../../web/front-end.js";
import { genreGpu, inFolder, noise, readNpy, withProgram, writeWav } from "./native.js";

const PRESETS = {
  "librosa-2s": {
    name: "librosa-2s", sample_rate_hz: 22050, n_fft: 2048, hop_samples: 512, n_mels: 128,
    f_min_hz: 0, f_max_hz: 11025, frames: 87,
  },
  "bristol-80": {
    name: "bristol-80", sample_rate_hz: 44100, n_fft: 1024, hop_samples: 512, n_mels: 80,
    f_min_hz: 0, f_max_hz: 22050, frames: 80,
  },
};

function soundOf(samples, rate_hz, nothing = null) {
  return { name: "song", samples, rate_hz, note: "", nothing };
}

/** Notes over noise that swells, from below what a spectrogram shows. */
function song(length, seed) {
  const hiss = noise(length, seed);
  const pitch = (i) => (0.01 + 0.004 * ((i >> 14) % 5)) * (1 + (seed % 3));
  const tune = (i) => Math.sin(i * pitch(i)) * Math.exp(-(i % 16384) / 6000);
  return hiss.map((x, i) => 0.4 * tune(i) + x * 10 ** (-4 + (3 * i) / length));
}

/** What prepare makes of songs, which it calls by their numbers. */
function prepared(folder, songs, rate, words) {
  const [audio, out] = [join(folder, "audio"), join(folder, "arrays")];
  for (const genre of ["a", "b"]) mkdirSync(join(audio, genre), { recursive: true });
  for (const [i, samples] of songs.entries()) {
    writeWav(join(audio, i % 2 ? "b" : "a", `song${i}.wav`), [samples], rate);
  }
  genreGpu("prepare", audio, "--out", out, "--quiet", ...words);
  const made = JSON.parse(readFileSync(join(out, "prepare.json"), "utf8")).settings;
  const list = readFileSync(join(out, "songs.csv"), "utf8").matchAll(/^(\d+),song(\d+),/gm);
  const numbers = new Map([...list].map(([, id, number]) => [Number(id), Number(number)]));
  const cuts = songs.map(() => []);
  for (const part of ["train", "val", "test"]) {
    const { shape, values } = readNpy(join(out, `x_${part}.npy`));
    const size = shape.slice(1).reduce((a, b) => a * b);
    for (const [i, id] of readNpy(join(out, `song_${part}.npy`)).values.entries()) {
      cuts[numbers.get(id)].push(values.subarray(i * size, (i + 1) * size));
    }
  }
  return { frontEnd: made.front_end, cutting: made.cutting, cuts };
}

// Each has so many cuts as fit, from the shorter to the longer of two lengths in seconds.
for (const [name, preset, seconds, segments, words] of [
  ["librosa-2s", "librosa-2s", [6.1, 7.9], 3, []],
  ["librosa-2s, 0 dB in each cut", "librosa-2s", [6.1, 7.9], 3, ["--reference", "cut"]],
  ["librosa-2s of the spectrogram", "librosa-2s", [6.1, 7.9], 3, ["--cut-from", "spectrogram"]],
  ["bristol-80", "bristol-80", [3, 3.6], 3, []],
  ["bristol-80, 0 dB in each cut", "bristol-80", [3, 3.6], 3, ["--reference", "cut"]],
  ["bristol-80, 0 dB at a power of 1", "bristol-80", [3, 3.6], 3, ["--reference", "fixed"]],
  ["one cut", "bristol-80", [1, 1.7], 1, []],
  ["an odd FFT", "bristol-80", [3, 3.8], 2,
    "--n-fft 1001 --hop 441 --frames 150 --mels 40 --f-min 50 --f-max 9000".split(" ")],
  ["an FFT of no power of 2", "librosa-2s", [6.1, 7.7], 3, ["--n-fft", "1500", "--frames", "85"]],
]) {
  test(`cuts are the program's: ${name}`, withProgram, () => inFolder(async (folder) => {
    const rate = PRESETS[preset].sample_rate_hz;
    const songs = [0, 1, 2, 3, 4, 5].map((seed) => {
      const share = seed / 5;
      return song(Math.round(rate * (seconds[0] * (1 - share) + seconds[1] * share)), seed);
    });
    const settings = ["--preset", preset, "--segments", `${segments}`, "--song-from", "(.*)", ...words];
    const { frontEnd, cutting, cuts } = prepared(folder, songs, rate, settings);
    for (const [i, samples] of songs.entries()) {
      const got = await cutsOf(soundOf(samples, rate), frontEnd, cutting);
      assert.equal(got.nothing, null);
      assert.equal(got.spans_s.length, segments);
      const size = frontEnd.n_mels * frontEnd.frames;
      assert.equal(got.values.length, segments * size);
      for (const [cut, want] of cuts[i].entries()) {
        const own = got.values.subarray(cut * size, (cut + 1) * size);
        const off = own.reduce((most, x, k) => Math.max(most, Math.abs(x - want[k])), 0);
        // A last bit of a float at 80 dB.
        assert.ok(off < 1e-5, `song ${i}, cut ${cut}: off by ${off} dB`);
        assert.ok(new Set(want).size > 500, "not only the floor");
      }
    }
  }));
}

test("a short song is filled with zeros, and said to be too short", async () => {
  const short = (found, needed) => `${found} s are too short for one cut of ${needed} s`;
  for (const [preset, from, length, count, words] of [
    ["bristol-80", "spectrogram", 79 * 512 - 1, 1, short("0.92", "0.92")],
    ["bristol-80", "spectrogram", 79 * 512, 1, null],
    ["bristol-80", "spectrogram", 0, 1, short("0.00", "0.92")],
    ["librosa-2s", "sound", 44031, 1, short("2.00", "2.00")],
    ["librosa-2s", "sound", 44032, 1, null],
    ["librosa-2s", "sound", 88064, 2, null],
  ]) {
    const cutting = { from, zero_db: "song" };
    const frontEnd = PRESETS[preset];
    const got = await cutsOf(soundOf(song(length, 1), frontEnd.sample_rate_hz), frontEnd, cutting);
    assert.equal(got.nothing, words);
    assert.equal(got.values.length, count * frontEnd.n_mels * frontEnd.frames);
    assert.ok(got.values.every(Number.isFinite));
    assert.ok(got.spans_s.every(([start, end]) => start <= end && end <= length / frontEnd.sample_rate_hz));
  }
});

test("what the sound says of itself comes first", async () => {
  const frontEnd = PRESETS["bristol-80"];
  const silent = soundOf(new Float32Array(50), 44100, "it is silent: all samples are 0");
  const got = await cutsOf(silent, frontEnd, { from: "spectrogram", zero_db: "song" });
  assert.equal(got.nothing, "it is silent: all samples are 0");
});

test("another rate is refused, progress is told, and an error there ends the work", async () => {
  const [frontEnd, cutting] = [PRESETS["bristol-80"], { from: "spectrogram", zero_db: "song" }];
  const refused = cutsOf(soundOf(song(90000, 1), 22050), frontEnd, cutting);
  await assert.rejects(refused, /song: expected sound at 44100 Hz, found 22050 Hz/);
  const shares = [];
  const tone = soundOf(song(90000, 1), 44100);
  await cutsOf(tone, frontEnd, cutting, (share) => shares.push(share));
  assert.deepEqual(shares, [0.5, 1]);
  const stopped = cutsOf(tone, frontEnd, cutting, () => { throw new Error("stopped"); });
  await assert.rejects(stopped, /stopped/);
});

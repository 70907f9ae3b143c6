import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { fourierOf } from "../../../web/fourier.js";
import { cutsOf, scaleCuts } from "../../../web/front-end.js";
import { soundOfChannels } from "../../../web/sound.js";
import { sentenceOf, verdictOf } from "../../../web/verdict.js";
import { factsOf, genreGpu, inFolder, noise, readWav, withProgram, writeWav } from "./native.js";

const GENRES = ["classical", "disco", "metal", "rock"];

/** A song as a file of a low rate would have it: nothing above a frequency. */
function withoutTop(samples, hz, rate) {
  const [re, im] = [Float64Array.from(samples), new Float64Array(samples.length)];
  const transform = fourierOf(samples.length);
  transform(re, im);
  for (let k = 0; k < re.length; k += 1) {
    const own = (Math.min(k, re.length - k) * rate) / re.length;
    if (own > hz) re[k] = im[k] = 0;
  }
  // The inverse, by exchange of parts.
  transform(im, re);
  return Float32Array.from(re, (x) => x / samples.length);
}

/** Sound of all kinds that have words of their own; the channels of each. */
function allSounds(songs, rate) {
  const n = 5 * rate;
  const [song] = songs;
  const hiss = noise(n, 3);
  const tone = Float32Array.from({ length: n }, (_, i) => 0.5 * Math.sin(i * 0.06));
  return {
    ...Object.fromEntries(songs.map((samples, i) => [`song${i}`, [samples]])),
    stereo: [song, songs[1]],
    phase: [song, song.map((x) => -x)],
    partly: [song, song.map((x) => -0.6 * x)],
    surround: [song, songs[1].subarray(0, song.length), songs[2]],
    silence: [new Float32Array(n)],
    dither: [hiss.map((x) => Math.round(x * 2) / 32768)],
    offset: [new Float32Array(n).fill(-0.9)],
    noise: [hiss],
    quiet: [hiss.map((x) => x * 1e-3)],
    waves: [hiss.map((x, i) => x * 10 ** (-2 + 2 * Math.sin(i / 20000)))],
    fading: [hiss.map((x, i) => x * 10 ** ((-3 * i) / n))],
    sine: [tone],
    swell: [tone.map((x, i) => x * Math.sin(i / 9000) ** 2)],
    clicks: [hiss.map((x, i) => (i % (rate >> 2) < 40 ? x : 0))],
    low: [withoutTop(song, 2000, rate)],
    mid: [withoutTop(song, 4000, rate)],
    bits: [songs[1].map((x) => Math.round(x * 24) / 24)],
    short: [song.subarray(0, rate / 2)],
    tiny: [song.subarray(0, 3)],
    cut: [song.subarray(0, 2.3 * rate)],
    loud: [song.map((x) => Math.max(-1, Math.min(1, 30 * x)))],
    hissing: [song.map((x, i) => x + 0.2 * hiss[i % n])],
    slow: [song.map((_, i) => song[i >> 3])],
  };
}

/** What predict and the page say of the same samples with the same probabilities of cuts. */
async function compare(folder, run, rate) {
  const facts = factsOf(run);
  const model = { title: "", facts, front_end: facts.front_end, cutting: facts.cutting };
  const songs = GENRES.map((genre) => readWav(join(folder, "songs", `demo.${genre}.00000.wav`)).channels[0]);
  const sounds = allSounds(rate === 44100 ? songs : songs.map((x) => x.filter((_, i) => i % 2 === 0)), rate);
  const paths = Object.entries(sounds).map(([name, channels]) => {
    const path = join(folder, `${name}.wav`);
    const length = Math.min(...channels.map((channel) => channel.length));
    writeWav(path, channels.map((channel) => channel.subarray(0, length)), rate);
    return path;
  });
  const wanted = JSON.parse(genreGpu("predict", run, ...paths, "--json", "--quiet"));
  const lines = genreGpu("predict", run, ...paths, "--quiet").trim().split("\n");
  const said = new Set();
  for (const [i, want] of wanted.entries()) {
    const { channels } = readWav(paths[i]);
    const sound = await soundOfChannels("song", channels, rate, rate);
    const cuts = await cutsOf(sound, facts.front_end, facts.cutting);
    const x = scaleCuts(cuts.values, facts.scale);
    const own = Float32Array.from(want.cuts.flatMap((cut) => GENRES.map((genre) => cut.uncalibrated[genre])));
    const song = verdictOf(own, cuts, x, model);
    const label = paths[i];
    const near = (got, byClass, what) => GENRES.forEach((genre, k) => {
      const off = Math.abs(got[k] - byClass[genre]);
      assert.ok(off < 1e-12, `${label}: ${what}: ${genre} is ${got[k]}, not ${byClass[genre]}`);
    });
    assert.equal(song.unsure, want.reason, label);
    assert.equal(song.remark, want.remark, label);
    near(song.probabilities, want.probabilities, "probabilities");
    near(song.uncalibrated, want.uncalibrated, "means");
    const { mean, majority, product, cuts: count } = song.votes;
    assert.deepEqual([mean, majority, product].map((k) => GENRES[k]),
      [want.votes.mean, want.votes.majority, want.votes.product], label);
    near(count, want.votes.cuts, "votes");
    assert.equal(song.cuts.length, want.cuts.length, label);
    song.cuts.forEach((cut, k) => {
      assert.deepEqual([cut.start_s, cut.end_s], [want.cuts[k].start_s, want.cuts[k].end_s], label);
      near(cut.probabilities, want.cuts[k].probabilities, `cut ${k}`);
      const rows = GENRES.map((genre) => Math.fround(want.cuts[k].uncalibrated[genre]));
      assert.deepEqual(cut.uncalibrated, rows, label);
    });
    assert.equal(`${paths[i]}: ${sentenceOf(song, GENRES)}`, lines[i]);
    said.add(`${song.unsure ?? ""}|${song.remark ?? ""}`.replace(/[\d.]+/g, "N"));
  }
  return said;
}

for (const [preset, rate, segments] of [["bristol-80", 44100, 15], ["librosa-2s", 22050, 7]]) {
  test(`verdicts are the program's: ${preset}`, withProgram, () => inFolder(async (folder) => {
    const [songs, arrays, run] = ["songs", "arrays", "run"].map((name) => join(folder, name));
    genreGpu("demo", "--wav", songs, "--songs", "6", "--quiet");
    genreGpu("prepare", songs, "--csv", join(songs, "songs.csv"), "--out", arrays, "--quiet",
      "--preset", preset, "--segments", `${segments}`);
    genreGpu("train", "--data", arrays, "--epochs", "1", "--out", run, "--quiet");
    const said = await compare(folder, run, rate);
    // Of reasons and remarks most kinds occur, and none at all.
    assert.ok(said.has("|") && said.size >= 10, [...said].join("\n"));
  }));
}

test("a model without temperatures and without typical songs", async () => {
  // Means .42, .29, .29; votes 1, 2, 0; products .0014, .0009, .0058 (src/metrics/songs.rs).
  const rows = Float32Array.from([0.96, 0.005, 0.035, 0.3, 0.36, 0.34, 0.005, 0.51, 0.485]);
  const facts = { classes: ["a", "b", "c"], temperatures: null, typical_songs: null };
  const cuts = { values: new Float32Array(0), spans_s: [[0, 1], [1, 2], [2, 3]], nothing: null };
  const song = verdictOf(rows, cuts, new Float32Array(0), { facts });
  assert.deepEqual(song.votes, { mean: 0, majority: 1, product: 2, cuts: [1, 2, 0] });
  assert.equal(song.probabilities, song.uncalibrated);
  assert.equal(sentenceOf(song, facts.classes), "a 42 % (b 29 %, c 29 %)");
  assert.equal(song.cuts[2].start_s, 2);
  const few = () => verdictOf(rows.subarray(1), cuts, rows, { facts });
  assert.throws(few, /expected 3 probabilities of each of 3 cuts, found 8 in all/);
});

test("the temperature of few cuts lies between that of one and that of songs", () => {
  const facts = {
    classes: ["a", "b"], typical_songs: null,
    temperatures: { segments: { value: 2 }, songs: { value: 0.5, segments: 4 } },
  };
  // p = 0.9: odds of 9 to the power of 1 / T, which is 1/2, 5/4 and 2 for one, two and four cuts.
  for (const [n, power] of [[1, 0.5], [2, 1.25], [4, 2], [9, 2]]) {
    const cuts = { values: new Float32Array(0), spans_s: Array(n).fill([0, 1]), nothing: null };
    const rows = Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 ? 0.1 : 0.9));
    const song = verdictOf(rows, cuts, rows, { facts });
    const [p, q] = song.probabilities;
    assert.ok(Math.abs(p / q - 9 ** power) < 1e-5, `${n} cuts: ${p / q}`);
    const of = song.cuts[0].probabilities;
    assert.ok(Math.abs(of[0] / of[1] - 3) < 1e-6);
  }
});

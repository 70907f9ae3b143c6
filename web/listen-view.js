// A song, its verdict, and what that rests on.
import { decimals } from "./decimals.js";
import { colourOfClass, paletteOf, prepareCanvas } from "./draw.js";
import { drawAnew, elementOf, statusLine, stoppable } from "./elements.js";
import { cutsOf, scaleCuts } from "./front-end.js";
import { fileOfMicrophone } from "./microphone.js";
import { Superseded } from "./network.js";
import { unpack } from "./pack.js";
import { saveFile } from "./save.js";
import { boxOf, heatRange, paintSong } from "./song-picture.js";
import { soundOfFile } from "./sound.js";
import { sentenceOf, verdictOf } from "./verdict.js";

/** Cuts that are shown at once: some 15 s. */
const CUTS_SHOWN = 16;
/** A player that is set to the beginning of a cut may say that it is so much before it. */
const PLAYER_ROUNDING_S = 0.01;
/** Seconds that are recorded. */
const RECORDED_SECONDS = 10;

/** `1:04.5`. @param {number} seconds */
function clockOf(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

/**
 * Makes the upper half of the page work.
 * @param {import("./types").PageData} data
 * @param {import("./types").Networks} networks
 */
export function startListening(data, networks) {
  const palettes = { spectrogram: paletteOf(data.colours.spectrogram), heat: paletteOf(data.colours.heat) };
  const { say, progress } = statusLine("status");
  const player = elementOf("player", HTMLAudioElement);
  const strip = elementOf("strip", HTMLElement);
  const canvas = elementOf("spectrogram", HTMLCanvasElement);
  const [method, target, layer] =
    ["method", "target", "layer"].map((id) => elementOf(id, HTMLSelectElement));
  const file = elementOf("file", HTMLInputElement);
  const [record, earlier, later] = ["record", "earlier", "later"].map((id) => elementOf(id, HTMLButtonElement));
  const clips = [...document.querySelectorAll("button.clip")].map((button) =>
    /** @type {HTMLButtonElement} */ (button));

  /** What is heard, and what the player has. @type {File | null} */
  let source = null;
  /** @type {File | null} */
  let played = null;
  /** The last one with a verdict. @type {File | null} */
  let good = null;
  /** @type {ReturnType<typeof stoppable> | null} */
  let recording = null;
  /** Counts choices, so that a recording replaces none that was made meanwhile. */
  let choices = 0;
  /** Counts what was asked for, so that what is late is dropped. */
  let asked = 0;
  /** @type {import("./types").Heard | null} */
  let heard = null;
  let chosen = 0;
  let cursor = 0;
  /** The number of the current model. */
  const modelAt = () => Number(new FormData(elementOf("controls", HTMLFormElement)).get("model") ?? 0);

  /** Hears the source with the current model. @param {string} [remark] to say when it is heard */
  async function hear(remark = "") {
    if (!source) return;
    asked += 1;
    const turn = asked;
    const at = modelAt();
    const model = data.models[at];
    const checked = () => {
      if (turn !== asked) throw new Superseded();
    };
    try {
      say("Reading the sound …");
      const own = source;
      const sound = await soundOfFile(own, model.front_end.sample_rate_hz);
      checked();
      say("Opening the model …");
      await networks.use(at, async () => {});
      checked();
      const begin = performance.now();
      const cuts = await cutsOf(sound, model.front_end, model.cutting, (share) => {
        checked();
        progress(`Computing spectrograms: ${Math.round(100 * share)} %`);
      });
      const x = scaleCuts(cuts.values, model.facts.scale);
      const n = cuts.spans_s.length;
      const probabilities = await networks.use(at, (network) => network.probabilities(x, n, (done) => {
        checked();
        progress(`The network judges the cuts: ${done} of ${n}`);
      }));
      checked();
      const song = verdictOf(probabilities, cuts, x, model);
      const seconds = (performance.now() - begin) / 1000;
      const before = own === good ? heard : null;
      [good, painted, explained] = [own, "", ""];
      const { name, note } = sound;
      const length_s = sound.samples.length / sound.rate_hz;
      heard = { model, at, name, note, length_s, cuts, x, song, maps: new Map(), pending: new Set() };
      play(own);
      showVerdict(seconds, before);
      say(remark);
    } catch (error) {
      // The song that is shown stays the one that another model is tried on.
      if (turn === asked) source = good;
      if (turn !== asked) return;
      say(/** @type {Error} */ (error).message, true);
    }
  }

  /**
   * @param {number} seconds that it took
   * @param {import("./types").Heard | null} before the same song with another model: the moment and the class that
   *   the visitor looks at stay
   */
  function showVerdict(seconds, before) {
    if (!heard) return;
    const { model, name, note, length_s, cuts, song } = heard;
    const { classes } = model.facts;
    const { start_s: from, end_s: to } = before?.song.cuts[chosen] ?? song.cuts[0];
    const wanted = before && target.value !== String(before.song.votes.mean) ? target.selectedOptions[0].text : null;
    elementOf("result", HTMLElement).hidden = false;
    const sentence = `${name}: ${sentenceOf(song, classes)}`;
    elementOf("verdict", HTMLElement).textContent = sentence;
    // A heading is not announced.
    elementOf("announcement", HTMLElement).textContent = sentence;
    const shares = classes.map((name, label) => {
      const row = document.createElement("div");
      row.className = "share";
      const [word, bar, number] = ["span", "i", "span"].map((tag) => document.createElement(tag));
      word.textContent = name;
      bar.style.width = `${100 * song.probabilities[label]}%`;
      bar.style.background = colourOfClass(label);
      number.textContent = `${decimals(100 * song.probabilities[label], 0)} %`;
      row.append(word, bar, number);
      return row;
    });
    elementOf("shares", HTMLElement).replaceChildren(...shares);
    const { mean, majority, cuts: votes } = song.votes;
    elementOf("facts", HTMLElement).textContent =
      `${clockOf(length_s)}; ${votes[majority]} of ${cuts.spans_s.length} cuts are ${classes[majority]}. ${note}. ` +
      `Judged by ${model.title} in ${seconds.toFixed(2)} s, on ${networks.device(heard.at)}.`;
    const cut_s = song.cuts[0].end_s - song.cuts[0].start_s;
    elementOf("legend", HTMLElement).textContent = "Each letter is a cut, a piece of " +
      `${decimals(cut_s, 2)} s that the network judges by itself: ` +
      classes.map((name, label) => `${letterOf(label)} ${name}`).join(", ") + ".";
    const buttons = song.cuts.map((cut, i) => {
      const best = cut.probabilities.indexOf(Math.max(...cut.probabilities));
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = letterOf(best);
      button.style.background = colourOfClass(best);
      button.title = `${clockOf(cut.start_s)}: ${classes[best]} ${decimals(100 * cut.probabilities[best], 0)} %`;
      button.setAttribute("aria-label", button.title);
      button.addEventListener("click", () => seek(i));
      return button;
    });
    strip.replaceChildren(...buttons);
    const option = (/** @type {string} */ value, /** @type {string} */ text) => new Option(text, value);
    target.replaceChildren(option("own", "each cut's own class"),
      ...classes.map((name, label) => option(String(label), name)));
    const kept = [...target.options].find(({ text }) => text === wanted);
    target.value = kept ? kept.value : String(mean);
    layer.replaceChildren(...model.layers.map(({ name }, i) => option(String(i), name)));
    choose(cutAt((from + to) / 2));
  }

  /** The cut in which a second is; after the last one that one. @param {number} second */
  function cutAt(second) {
    const cuts = heard?.song.cuts ?? [];
    const at = cuts.findIndex(({ end_s: end }) => second < end);
    return at < 0 ? cuts.length - 1 : at;
  }

  /** The letter of a class: its first one that no earlier class has. @param {number} label */
  function letterOf(label) {
    const taken = new Set();
    for (const [at, name] of (heard?.model.facts.classes ?? []).entries()) {
      const letter = [...name.toUpperCase()].find((letter) => /\p{L}/u.test(letter) && !taken.has(letter)) ?? "?";
      if (at === label) return letter;
      taken.add(letter);
    }
    return "?";
  }

  /** @param {number} cut */
  function choose(cut) {
    if (!heard) return;
    chosen = Math.min(Math.max(cut, 0), heard.song.cuts.length - 1);
    for (const [i, button] of [...strip.children].entries()) {
      button.setAttribute("aria-pressed", String(i === chosen));
      // One stop for the Tab key; arrows move within.
      /** @type {HTMLButtonElement} */ (button).tabIndex = i === chosen ? 0 : -1;
    }
    // Only the strip is moved, not the page.
    const frame = strip.parentElement?.getBoundingClientRect();
    const own = strip.children[chosen].getBoundingClientRect();
    if (strip.parentElement && frame && (own.left < frame.left || own.right > frame.right)) {
      strip.parentElement.scrollLeft += own.left - frame.left - frame.width / 2;
    }
    showWindow();
  }

  /** Chooses a cut, and has the player go on from there. @param {number} cut */
  function seek(cut) {
    choose(cut);
    if (heard) player.currentTime = heard.song.cuts[chosen].start_s;
  }

  /** From which cut to which the picture is. */
  function shown() {
    const first = CUTS_SHOWN * Math.floor(chosen / CUTS_SHOWN);
    return [first, Math.min(first + CUTS_SHOWN, heard?.song.cuts.length ?? 0)];
  }

  /** The class whose map a cut has. @param {number} cut */
  function targetOf(cut) {
    if (target.value !== "own") return Number(target.value);
    const { probabilities } = /** @type {import("./types").Heard} */ (heard).song.cuts[cut];
    return probabilities.indexOf(Math.max(...probabilities));
  }

  /** Draws what is chosen, first without heat, which takes longer. */
  async function showWindow() {
    const of = heard;
    if (!of) return;
    draw();
    if (method.value === "none") return;
    const [first, end] = shown();
    const key = (/** @type {number} */ cut) => `${cut} ${targetOf(cut)}`;
    const missing = [];
    for (let cut = first; cut < end; cut += 1) {
      if (!of.maps.has(key(cut)) && !of.pending.has(key(cut))) missing.push(cut);
    }
    if (missing.length === 0) return;
    const keys = missing.map(key);
    for (const own of keys) of.pending.add(own);
    const size = of.x.length / of.song.cuts.length;
    const x = new Float32Array(missing.length * size);
    missing.forEach((cut, i) => x.set(of.x.subarray(cut * size, (cut + 1) * size), i * size));
    try {
      const targets = missing.map(targetOf);
      const maps = await networks.use(of.at, (network) => network.maps(x, targets));
      maps.forEach((own, i) => of.maps.set(keys[i], own));
      if (of === heard) draw();
    } catch (error) {
      if (of === heard) say(`No heat: ${/** @type {Error} */ (error).message}`, true);
    } finally {
      for (const own of keys) of.pending.delete(own);
    }
  }

  /** Spectrograms, heat and axes as they were painted last, and what was painted. */
  const sheet = document.createElement("canvas");
  let painted = "";
  let explained = "";

  /** Shows the picture with the frame and the cursor; paints it only where something in it changed. */
  function draw() {
    if (!heard) return;
    const { song, maps } = heard;
    const [first, end] = shown();
    const { context, width, height, colour } = prepareCanvas(canvas, 300);
    const box = boxOf(width, height);
    const [begin, last] = [song.cuts[first].start_s, song.cuts[end - 1].end_s];
    const span = Math.max(last - begin, 1e-6);
    const x = (/** @type {number} */ second) => box.left + ((second - begin) / span) * (box.right - box.left);
    let key = [asked, first, end, canvas.width, canvas.height, colour("--faint"), method.value, target.value,
      layer.value].join(" ");
    const shownMaps = Array.from({ length: end - first }, (_, i) => mapOf(maps, first + i));
    key += shownMaps.map((map) => (map ? "m" : "-")).join("");
    if (key !== painted) {
      [sheet.width, sheet.height] = [canvas.width, canvas.height];
      paintSong(sheet, { heard, first, end, box, begin, last, x, colour, palettes, maps: shownMaps,
        layer: heard.model.layers[Number(layer.value)] });
      painted = key;
    }
    context.drawImage(sheet, 0, 0, width, height);
    const { start_s: from, end_s: to } = song.cuts[chosen];
    context.strokeStyle = "#fff";
    context.lineWidth = 3;
    context.strokeRect(x(from), box.top, x(to) - x(from), box.bottom - box.top);
    context.strokeStyle = "#111";
    context.lineWidth = 1;
    context.strokeRect(x(from), box.top, x(to) - x(from), box.bottom - box.top);
    if (cursor >= begin && cursor <= last) {
      context.fillStyle = "#fff";
      context.fillRect(x(cursor) - 2, box.top, 4, box.bottom - box.top);
      context.fillStyle = "#111";
      context.fillRect(x(cursor) - 1, box.top, 2, box.bottom - box.top);
    }
    if (`${key} ${chosen}` !== explained) {
      explain(first, end);
      explained = `${key} ${chosen}`;
    }
  }

  /** @param {import("./types").Heard["maps"]} maps @param {number} cut */
  function mapOf(maps, cut) {
    if (method.value === "none") return null;
    const own = maps.get(`${cut} ${targetOf(cut)}`)?.[Number(layer.value)];
    return own ? own[/** @type {"grad_cam" | "hires_cam"} */ (method.value)] : null;
  }

  /** Says in words what the picture shows. @param {number} first @param {number} end */
  function explain(first, end) {
    if (!heard) return;
    const { model, song, maps } = heard;
    const { classes } = model.facts;
    const cut = song.cuts[chosen];
    const shares = classes.map((name, label) => `${name} ${decimals(100 * cut.probabilities[label], 0)}\u00a0%`);
    let text = `Framed: cut ${chosen + 1} of ${song.cuts.length}, ${clockOf(cut.start_s)} to ${clockOf(cut.end_s)}: ` +
      `${shares.join(", ")}.`;
    const map = mapOf(maps, chosen);
    if (map) {
      const range = heatRange(map, model.layers[Number(layer.value)], model.front_end);
      const name = method.selectedOptions[0].text;
      const whose = classes[targetOf(chosen)];
      text += range
        ? ` ${name} for ${whose} at ${layer.selectedOptions[0].text}: half of the heat lies between ${range}.`
        : ` ${name} for ${whose} is empty here: nothing at this layer speaks for the class.`;
      if (range) text += " Heat goes from dark (little) to yellow (most of the cut).";
    } else if (method.value !== "none") {
      text += " Computing the heat …";
    }
    elementOf("explanation", HTMLElement).textContent = text;
    canvas.setAttribute("aria-label", `Spectrogram of cuts ${first + 1} to ${end}. ${text}`);
    elementOf("window-title", HTMLElement).textContent =
      `Spectrogram, ${clockOf(song.cuts[first].start_s)} to ${clockOf(song.cuts[end - 1].end_s)}, ` +
      "in dB below its loudest";
    earlier.disabled = first === 0;
    later.disabled = end === song.cuts.length;
  }

  /** Hears the first of these files. @param {ArrayLike<File> | Promise<ArrayLike<File>>} pending */
  async function hearFiles(pending) {
    choices += 1;
    // What is heard or recorded now ends.
    asked += 1;
    recording?.abort();
    const own = choices;
    try {
      const files = await pending;
      if (own !== choices) return;
      source = files[0];
      await hear(files.length > 1 ? `Of ${files.length} files the first is heard: drop one at a time.` : "");
    } catch (error) {
      if (own === choices) say(/** @type {Error} */ (error).message, true);
    }
  }

  /** Gives the player a file that was decoded; what it has goes on playing. @param {File} decoded */
  function play(decoded) {
    if (decoded === played) return;
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(decoded);
    [played, cursor] = [decoded, 0];
  }

  file.addEventListener("change", () => {
    if (file.files?.length) hearFiles([...file.files]);
    // The same file again is a choice, too.
    file.value = "";
  });
  for (const clip of clips) {
    clip.addEventListener("click", () => {
      const { id, title, genre } = data.clips[Number(clip.dataset.clip)];
      const fileOf = (/** @type {any} */ bytes) => new File([bytes], `${genre}, ${title}`, { type: "audio/wav" });
      hearFiles(unpack(id).then((bytes) => [fileOf(bytes)]));
    });
  }
  record.addEventListener("click", async () => {
    if (recording) {
      recording.stop();
      return;
    }
    recording = stoppable();
    choices += 1;
    const own = choices;
    const label = record.textContent;
    record.textContent = "Stop recording";
    say("Waiting for the microphone …");
    try {
      const wav = await fileOfMicrophone(RECORDED_SECONDS, (peak, seconds) => {
        const level = "▮".repeat(Math.round(20 * Math.min(1, peak)));
        if (own === choices) progress(`Recording, ${seconds.toFixed(0)} of ${RECORDED_SECONDS} s: ${level}`);
      }, recording.signal);
      if (own === choices) await hearFiles([wav]);
    } catch (error) {
      if (own === choices) say(/** @type {Error} */ (error).message, true);
    } finally {
      record.textContent = label;
      recording = null;
    }
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const files = [...event.dataTransfer?.files ?? []];
    if (files.length > 0) hearFiles(files);
    else say("That is no file: drop a sound file, such as song.mp3.", true);
  });
  elementOf("models", HTMLElement).addEventListener("change", () => hear());
  for (const choice of [method, target, layer]) choice.addEventListener("change", showWindow);
  earlier.addEventListener("click", () => {
    seek(shown()[0] - CUTS_SHOWN);
    // A button that is disabled loses the focus.
    if (earlier.disabled) later.focus();
  });
  later.addEventListener("click", () => {
    seek(shown()[1]);
    if (later.disabled) earlier.focus();
  });
  elementOf("save-verdict", HTMLButtonElement).addEventListener("click", () => {
    if (!heard) return;
    const { model, name, song } = heard;
    const { classes } = model.facts;
    const verdict = song.unsure ? null : classes[song.votes.mean];
    const text = JSON.stringify({ model: model.title, song: name, classes, verdict, ...song }, null, 1);
    saveFile("verdict.json", text);
  });
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    seek(chosen + step);
    /** @type {HTMLElement} */ (strip.children[chosen]).focus();
  });
  canvas.addEventListener("click", (event) => {
    if (!heard) return;
    const [first, end] = shown();
    const { left, right } = boxOf(canvas.clientWidth, canvas.clientHeight);
    const share = (event.offsetX - left) / (right - left);
    seek(first + Math.min(Math.max(Math.floor(share * (end - first)), 0), end - first - 1));
  });

  /** Moves the cursor while the song plays. */
  function follow() {
    if (!heard) return;
    cursor = player.currentTime;
    const at = cutAt(cursor + PLAYER_ROUNDING_S);
    if (at !== chosen) choose(at);
    else draw();
    if (!player.paused && !player.ended) followSoon();
  }
  let frame = 0;
  /** One loop, however often it is asked for. */
  function followSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(follow);
  }
  player.addEventListener("play", followSoon);
  player.addEventListener("seeked", followSoon);
  player.addEventListener("error", () => {
    if (played) say("The browser cannot play this file. The page has read it: choose cuts in the strip.", true);
  });
  drawAnew(draw);
  for (const control of [file, record, ...clips]) control.disabled = false;
}

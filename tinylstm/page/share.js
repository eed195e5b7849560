/* Out of the page and into it: MIDI files, and links that hold how a piece was made. */

import { $, make, say } from "./dom.js";
import { DRUMS, encode, Grammar } from "./grammar.js";
import { draftOf } from "./piece.js";
import { compose, session, setDraft } from "./session.js";

/** @import { Length, Note, Part, Settings } from "./types" */
/** @import { Piece } from "./piece" */

/** A piece as a MIDI file. @param {Piece} piece @param {number} tempo */
export function midiOf(piece, tempo) {
  const midi = new Midi(), tracks = new Map();
  midi.header.setTempo(tempo);
  midi.header.timeSignatures.push({ ticks: 0, timeSignature: piece.metre });
  for (const [onset, duration, pitch, velocity, program] of piece.notes) {
    if (!tracks.has(program)) {
      const track = midi.addTrack();
      if (program === DRUMS) track.channel = 9;
      else track.instrument.number = program;
      tracks.set(program, track);
    }
    const ppq = midi.header.ppq, ticks = Math.round(onset * ppq);
    tracks.get(program).addNote({ midi: pitch, ticks, velocity: velocity / 127,
      durationTicks: Math.round((onset + duration) * ppq) - ticks });
  }
  return midi.toArray();
}

/** @param {Piece} piece @param {number} tempo */
export function download(piece, tempo) {
  const file = new Blob([midiOf(piece, tempo)], { type: "audio/midi" });
  const link = make("a", { href: URL.createObjectURL(file),
    download: `${piece.label.replace(/[^\w-]+/g, "-")}.mid` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The notes of a MIDI file, in quarter notes. @param {ArrayBuffer} bytes
 * @returns {{ notes: Note[], tempo: number }} */
export function readMidi(bytes) {
  let midi;
  try {
    midi = new Midi(bytes);
  } catch {
    throw new Error("it is no MIDI file that can be read");
  }
  const { ppq, tempos } = midi.header;
  const notes = /** @type {Note[]} */ ([]);
  for (const track of midi.tracks) {
    const program = track.channel === 9 ? DRUMS : track.instrument.number;
    for (const { ticks, durationTicks, midi: pitch, velocity } of track.notes) {
      notes.push([ticks / ppq, durationTicks / ppq, pitch, Math.round(velocity * 127), program]);
    }
  }
  return { notes: notes.sort((a, b) => a[0] - b[0]), tempo: tempos[0]?.bpm ?? 120 };
}

/** Go on from the first bars of somebody's file.
 * @param {File} file @param {number} bars @param {number} seed @param {Length} length */
export async function continueFile(file, bars, seed, length) {
  const { alphabet } = session;
  if (!alphabet) return;
  try {
    const { notes, tempo } = readMidi(await file.arrayBuffer());
    const all = alphabet.kinds.includes("Family"), first = notes[0]?.[0] ?? 0;
    const chosen = notes.filter((note) => (all || note[4] < 8) && note[0] < first + bars * 4)
      .map((note) => /** @type {Note} */ ([note[0] - first, ...note.slice(1)]));
    if (!chosen.length) throw new Error("it has no notes that this net knows");
    $("tempo").value = Math.round(tempo);
    compose(seed, length, encode(chosen, alphabet));
  } catch (error) {
    say(`${file.name} cannot be continued: ${/** @type {Error} */ (error).message}`);
  }
}

/** A link that makes the piece again: given tokens, and the seeds and settings of the rest.
 * @param {Piece} piece */
export function linkOf(piece) {
  const parts = piece.parts.map((part) => part.seed === null ? { ids: part.ids }
    : { seed: part.seed, settings: part.settings, length: part.length, count: part.ids.length });
  const { tempo, metre, label } = piece, net = session.net?.digest;
  const text = JSON.stringify({ tempo, metre, label, parts, net });
  const address = new URL(location.href);
  address.hash = btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return address.href;
}

/** Open the piece of the page's own address, if it has one. */
export function openLink() {
  const text = location.hash.slice(1), { alphabet, net } = session;
  if (!text || !alphabet || !net) return;
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const recipe = JSON.parse(new TextDecoder().decode(
      Uint8Array.from(bytes, (letter) => letter.charCodeAt(0))));
    const parts = recipe.parts.map(checkedPart);
    const tempo = number(recipe.tempo, 20, 400), metre = [0, 1].map((k) =>
      number(recipe.metre[k], 1, 64));
    const piece = draftOf(parts, alphabet, String(recipe.label).slice(0, 80), { tempo, metre });
    piece.about = recipe.net === net.digest ? "composed again from its link"
      : "composed from the link of another net, so it differs";
    setDraft(piece);
  } catch (error) {
    say(`The link cannot be read: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {any} value @param {number} least @param {number} most */
function number(value, least, most) {
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    throw new Error(`${JSON.stringify(value)} is not between ${least} and ${most}`);
  }
  return value;
}

/** A part from a stranger's link. @param {any} part @param {number} place @returns {Part} */
function checkedPart(part, place) {
  const net = /** @type {import("./types").Instrument} */ (session.net), { kinds } = net.alphabet;
  if (part.ids) {
    const ids = part.ids.map((/** @type {any} */ id) => number(id, 0, kinds.length - 1));
    if (!place) new Grammar(/** @type {any} */ (session.alphabet)).stateAfter(ids);
    return { ids, seed: null, settings: null, length: null, count: null };
  }
  const { settings, length } = part;
  if (!["notes", "bars", "seconds", "quarters", "free"].includes(length.unit)) {
    throw new Error(`${JSON.stringify(length.unit)} is no unit of length`);
  }
  return { ids: [], seed: number(part.seed, 0, 2 ** 53), count: number(part.count, 0, 30_000),
    length: { amount: number(length.amount, 0, 1e6), unit: length.unit },
    settings: checkedSettings(settings, net.layers) };
}

/** @param {any} settings @param {import("./types").Layer[]} layers @returns {Settings} */
function checkedSettings(settings, layers) {
  const size = (/** @type {string} */ name) =>
    layers.find((layer) => layer.name === name)?.units ?? 0;
  return {
    temperature: number(settings.temperature, 0, 100),
    topK: number(settings.topK, 0, 1e6),
    topP: number(settings.topP, 1e-9, 1),
    minP: number(settings.minP, 0, 1),
    maxRepeat: number(settings.maxRepeat, 0, 1e6),
    recall: number(settings.recall ?? 0, 0, 1),
    rhythm: number(settings.rhythm ?? 0, 0, 100),
    silence: number(settings.silence ?? 0, 0, 1e6),
    cadence: number(settings.cadence ?? 0, 0, 1),
    key: settings.key && settings.key.map((/** @type {any} */ pc) => number(pc, 0, 11)),
    cuts: settings.cuts.map((/** @type {any} */ cut) => ({
      layer: layers[layers.findIndex((layer) => layer.name === cut.layer)].name,
      unit: cut.unit === null ? null : number(cut.unit, 0, size(cut.layer) - 1),
      gate: ["i", "f", "g", "o"].includes(cut.gate) ? cut.gate : null,
    })),
  };
}

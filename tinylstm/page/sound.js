/* What notes sound like: Tone.js makes the sound; every family of instruments has a voice. */

import { $ } from "./dom.js";
import { DRUMS } from "./grammar.js";

/** @import { Note } from "./types" */

/** By General MIDI program; other programs sound like the piano.
 * @type {Record<string, [[number, number], object]>} */
const VOICES = {
  piano: [[0, 8], { oscillator: { type: "fmtriangle", modulationIndex: 1.2, harmonicity: 2 },
    envelope: { attack: 0.004, decay: 1.1, sustain: 0.12, release: 0.5 } }],
  organ: [[16, 24], { oscillator: { type: "fatsine", count: 3, spread: 8 },
    envelope: { attack: 0.02, decay: 0.1, sustain: 0.8, release: 0.1 } }],
  plucked: [[24, 40], { oscillator: { type: "triangle" },
    envelope: { attack: 0.003, decay: 0.5, sustain: 0.05, release: 0.3 } }],
  bowed: [[40, 56], { oscillator: { type: "fatsawtooth", count: 2, spread: 12 },
    envelope: { attack: 0.08, decay: 0.2, sustain: 0.7, release: 0.4 }, volume: -8 }],
  blown: [[56, 80], { oscillator: { type: "square" },
    envelope: { attack: 0.04, decay: 0.1, sustain: 0.6, release: 0.1 }, volume: -8 }],
};

export const sound = {
  ready: false,
  out: /** @type {any} */ (null),
  meter: /** @type {any} */ (null),
  instruments: /** @type {Record<string, any>} */ ({}),
  sounded: /** @type {object[]} */ ([]),  // every note that was started, with its time: for tests
};

/** Browsers let sound begin only after a key or a click. */
export async function prepareSound() {
  await Tone.start();
  if (sound.ready) return;
  Tone.getContext().lookAhead = 0.05;
  sound.meter = new Tone.Meter();
  const room = new Tone.Reverb({ decay: 1.6, wet: 0.16 });  // a small room, made of noise
  room.connect(new Tone.Limiter(-3).toDestination());
  sound.out = new Tone.Gain(0.9).connect(room);
  sound.out.connect(sound.meter);
  sound.ready = true;
  setVolume();
}

/** @param {number} program */
export function voice(program) {
  const found = Object.entries(VOICES).find(([, [[a, b]]]) => a <= program && program < b);
  const name = program === DRUMS ? "drums" : found ? found[0] : "piano";
  if (!sound.instruments[name]) {
    const made = name === "drums" ? new Tone.PolySynth(Tone.MembraneSynth)
      : new Tone.PolySynth(Tone.Synth, VOICES[name][1]);
    made.maxPolyphony = 96;
    sound.instruments[name] = made.connect(sound.out);
  }
  return sound.instruments[name];
}

/** @param {number} pitch */
const frequency = (pitch) => 440 * 2 ** ((pitch - 69) / 12);

/** Sound a note of a piece. @param {Note} note @param {number} time of the audio clock
 * @param {number} seconds its duration */
export function strike([onset, duration, pitch, velocity, program], time, seconds) {
  voice(program).triggerAttackRelease(frequency(pitch), seconds, time, velocity / 127);
  sound.sounded.push({ onset, duration, pitch, program, time });
}

/** A key goes down, or up, now. @param {number} pitch @param {number} velocity */
export function keyDown(pitch, velocity) {
  if (sound.ready) voice(0).triggerAttack(frequency(pitch), Tone.immediate(), velocity / 127);
}

/** @param {number} pitch */
export function keyUp(pitch) {
  if (sound.ready) voice(0).triggerRelease(frequency(pitch), Tone.immediate());
}

export function silence() {
  Object.values(sound.instruments).forEach((instrument) => instrument.releaseAll());
}

export function setVolume() {
  const share = Number($("volume").value) / 100;
  Tone.getDestination().volume.value = share ? 20 * Math.log10(share) : -Infinity;
}

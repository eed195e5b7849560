/* The net at work, in a thread of its own: the page asks by message and never waits. It composes as
   far ahead as the page wants, reads ahead while there is nothing else to do, and answers between
   tokens. Next: page.js. */

import { Composer } from "./composer.js";
import { Grammar } from "./grammar.js";
import { Net } from "./net.js";
import { unpack } from "./unpack.js";

/** @import { Alphabet, Layer, Packed, Plan, Question } from "./types" */

const SLICE = 12;  // milliseconds of work, then messages are read
const room = /** @type {any} */ (self);  // DedicatedWorkerGlobalScope
let composer = /** @type {Composer | null} */ (null);
let traced = "", tracedAt = 0;  // which trace was sent last, and when
let watched = /** @type {{ layer: number, unit: number } | null} */ (null);
let question = /** @type {Question | null} */ (null);
let version = 0, until = Infinity, sent = 0, busy = false;
const wake = new MessageChannel();
wake.port1.onmessage = work;

const ANSWERS = {
  /** @param {{ layers: Layer[], weights: Packed, alphabet: Alphabet, tables: Packed }} message */
  load({ layers, weights, alphabet, tables }) {
    const grammar = new Grammar({ ...alphabet, next: unpack(tables).next });
    composer = new Composer(new Net(layers, unpack(weights)), grammar);
    room.postMessage({ type: "loaded" });
  },

  /** @param {{ plan: Plan, version: number, until: number }} message */
  open(message) {
    composer?.open(message.plan);
    version = message.version;
    until = message.until;
    sent = composer?.ids.length ?? 0;
  },

  /** Compose until this many quarter notes. @param {{ until: number }} message */
  pace(message) {
    until = message.until;
  },

  /** Only the last question is answered, as soon as its place has been read.
   * @param {Question} message */
  inspect(message) {
    question = message;
  },

  /** A unit is watched: its trace is sent now, and whenever there is nothing left to read.
   * @param {{ layer: number, unit: number }} message */
  trace({ layer, unit }) {
    watched = { layer, unit };
    if (composer) sendTrace(composer);
  },
};

room.onmessage = (/** @type {MessageEvent} */ { data }) => {
  ANSWERS[/** @type {keyof typeof ANSWERS} */ (data.type)](data);
  if (!busy) work();
};

function work() {
  busy = false;
  if (!composer) return;
  const end = performance.now() + SLICE;
  let more = true;
  while (more && performance.now() < end) {
    more = (composer.read < composer.ids.length || composer.quarters < until) && composer.work();
  }
  if (sent >= 0 && (composer.ids.length > sent || !composer.part)) report(composer);
  if (question && question.place <= composer.read) answer(composer, question);
  if (!more || performance.now() > tracedAt + 500) sendTrace(composer);
  if (more) {
    busy = true;
    wake.port2.postMessage(null);
  }
}

/** Send the page what is new; for the last time when the piece has ended. @param {Composer} made */
function report(made) {
  const done = !made.part;
  room.postMessage({ type: "tokens", version, ids: made.ids.slice(sent), done });
  sent = done ? -1 : made.ids.length;
}

/** @param {Composer} made */
function sendTrace(made) {
  if (!watched) return;
  const { layer, unit } = watched, now = `${version} ${made.read} ${layer} ${unit}`;
  if (now === traced) return;  // it is what was sent
  [traced, tracedAt] = [now, performance.now()];
  room.postMessage({ type: "traced", version, layer, unit, ...made.trace(layer, unit) });
}

/** @param {Composer} made @param {Question} asked */
function answer(made, { place, settings, intact, layer, unit }) {
  question = null;
  if (place < 1) return;
  const { p, logits, states } = made.inspect(place, settings);
  const cells = states.map((memory) => memory && memory.c.slice());
  const memory = states[layer], gates = [];
  const H = memory ? memory.h.length : 1;
  for (let k = unit; memory && k < memory.gates.length; k += H) gates.push(memory.gates[k]);
  const whole = intact && made.inspect(place, intact).p;
  room.postMessage({ type: "inspected", version, place, p, logits, cells, gates, intact: whole });
}

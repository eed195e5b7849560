/* Take it apart: what the net expects next, what each unit holds, and what changes when a unit or a
   gate is shut. */

import { $, css, later, make, prepare } from "./dom.js";
import { player, position } from "./player.js";
import { showTrace } from "./roll.js";
import { rewrite, session } from "./session.js";

/** @import { Cut, Layer } from "./types" */

const SHOWN = 8;  // tokens in the list
const GATES = { i: "input", f: "forget", g: "candidate", o: "output" };

export const apart = {
  layer: 0,  // its place in the net's list
  unit: 0,
  cuts: /** @type {Cut[]} */ ([]),
  place: 0,  // the token that is looked at: what did the net expect there?
  seen: /** @type {any} */ (null),  // the last answer
};

/** @returns {Layer[]} */
const layers = () => session.net?.layers ?? [];
const recurrent = () => layers().map((layer, k) => ({ layer, k })).filter(({ layer }) =>
  ["LSTM", "GRU", "SimpleRNN"].includes(layer.type));

/** Fill the panel for this net. */
export function openApart() {
  const found = recurrent();
  $("layer").replaceChildren(...found.map(({ layer, k }) => make("option", {
    value: `${k}`, textContent: layer.name })));
  $("cells").replaceChildren(...found.map(({ layer, k }) => {
    const canvas = make("canvas", { id: `cells-${k}` });
    canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => pick(event, k));
    return make("figure", {}, canvas, make("figcaption", {
      textContent: `${layer.name}: ${layer.units} cells` }));
  }));
  $("layer").addEventListener("change", () => chooseUnit(Number($("layer").value), 0));
  $("unit-number").addEventListener("change", () =>
    chooseUnit(apart.layer, Number($("unit-number").value)));
  $("cut-unit").addEventListener("click", () => cut({ unit: apart.unit, gate: null }));
  for (const gate of /** @type {("i" | "f" | "g" | "o")[]} */ (["i", "f", "g", "o"])) {
    $(`cut-${gate}`).addEventListener("click", () =>
      cut({ unit: $("whole-layer").checked ? null : apart.unit, gate }));
  }
  $("whole-layer").addEventListener("change", showCuts);
  $("step-back").addEventListener("click", () => look(apart.place - 1));
  $("step-on").addEventListener("click", () => look(apart.place + 1));
  if (found.length) chooseUnit(found[0].k, 0);
}

/** @param {number} layer @param {number} unit */
export function chooseUnit(layer, unit) {
  const units = layers()[layer].units;
  apart.layer = layer;
  apart.unit = Math.min(Math.max(Math.floor(unit) || 0, 0), units - 1);
  $("layer").value = `${layer}`;
  $("unit-number").value = `${apart.unit}`;
  $("unit-number").max = `${units - 1}`;
  const name = `${layers()[layer].name}.${apart.unit}`;
  $("unit").value = [...$("unit").options].some((o) => o.value === name) ? name : "";
  showCuts();
  askTrace();
  ask();
}

/** A click on the cells. @param {MouseEvent} event @param {number} k */
function pick(event, k) {
  const box = $(`cells-${k}`).getBoundingClientRect(), side = sideOf(layers()[k].units);
  const column = Math.floor((event.clientX - box.left) / box.width * side);
  const row = Math.floor((event.clientY - box.top) / box.height * side);
  chooseUnit(k, row * side + column);
}

/** @param {number} units */
const sideOf = (units) => Math.ceil(Math.sqrt(units));

/** Shut a gate, or open it again. @param {Omit<Cut, "layer">} what */
function cut(what) {
  const made = { ...what, layer: layers()[apart.layer].name };
  const same = (/** @type {Cut} */ c) => c.layer === made.layer && c.unit === made.unit
    && c.gate === made.gate;
  apart.cuts = apart.cuts.some(same) ? apart.cuts.filter((c) => !same(c)) : [...apart.cuts, made];
  showCuts();
  ask();
  rewrite();
}

function showCuts() {
  const layer = layers()[apart.layer], all = $("whole-layer").checked;
  const shut = (/** @type {number | null} */ unit, /** @type {string | null} */ gate) =>
    apart.cuts.some((c) => c.layer === layer.name && c.unit === unit && c.gate === gate);
  $("cut-unit").setAttribute("aria-pressed", shut(apart.unit, null));
  for (const gate of "ifgo") {
    $(`cut-${gate}`).setAttribute("aria-pressed", shut(all ? null : apart.unit, gate));
    $(`cut-${gate}`).disabled = layer.type !== "LSTM";
  }
  $("cut-unit").disabled = layer.type !== "LSTM";
  $("cuts").replaceChildren(...apart.cuts.map((c) => {
    const what = c.gate ? `${GATES[c.gate]} gate` : "all gates";
    const who = c.unit === null ? `all units of ${c.layer}` : `${c.layer}, unit ${c.unit}`;
    const button = make("button", { type: "button", textContent: `Switch on: ${who}, ${what}` });
    button.addEventListener("click", () => {
      apart.cuts = apart.cuts.filter((other) => other !== c);
      showCuts();
      ask();
      rewrite();
    });
    return make("li", {}, button);
  }));
  drawCells();
}

/** Look at a token. @param {number} place */
export function look(place) {
  const { piece } = player;
  if (!piece || !session.worker) return;
  apart.place = Math.min(Math.max(place, 1), Math.max((piece.decoder?.read ?? 1) - 1, 1));
  ask();
}

/** Follow the music: the pitch of the note that sounds. */
export function follow() {
  const place = player.piece?.placeAt(position()) ?? 0;
  if (place && (place !== apart.place || !apart.seen)) later(lookNow, 60);
}

const lookNow = () => look(player.piece?.placeAt(position()) ?? 0);

/** Ask the net; with gates shut, also what it would have expected with all open. */
function ask() {
  const { worker } = session, { place, layer, unit, cuts } = apart;
  if (!worker || !place) return;
  const settings = session.settings();
  worker.postMessage({ type: "inspect", place, layer, unit, settings,
    intact: cuts.length ? { ...settings, cuts: [] } : null });
}

function askTrace() {
  const { layer, unit } = apart;
  session.worker?.postMessage({ type: "trace", layer, unit });
}

/** The piece has grown: its traces too. */
export const refreshTrace = () => later(askTrace, 600);

/** @param {any} message of the worker */
export function answered(message) {
  if (message.type === "traced") showTraced(message);
  else {
    apart.seen = message;
    showExpected();
    showGates();
    drawCells();
  }
}

/** @param {any} traced */
function showTraced({ layer, unit, place, values }) {
  const { piece } = player;
  if (!piece?.decoder || layer !== apart.layer || unit !== apart.unit) return;
  const at = new Map(place.map((/** @type {number} */ p, /** @type {number} */ n) => [p, n]));
  const trace = { onset: /** @type {number[]} */ ([]), c: /** @type {number[]} */ ([]),
    gates: /** @type {number[][]} */ (values[0]?.slice(1).map(() => []) ?? []) };
  piece.decoder.places.forEach((token, n) => {
    const row = values[at.get(token)];
    if (!row || n < piece.skipped) return;
    trace.onset.push((piece.decoder?.notes[n][0] ?? 0) - piece.later);
    trace.c.push(row[0]);
    row.slice(1).forEach((/** @type {number} */ v, /** @type {number} */ k) =>
      trace.gates[k].push(v));
  });
  showTrace(trace.c.length ? trace : null, `${layers()[layer].name}, unit ${unit}`);
}

/** The likeliest tokens as bars with their names. */
function showExpected() {
  const { seen } = apart, { alphabet } = session, { piece } = player;
  if (!seen || !alphabet || !piece) return;
  const written = piece.ids[seen.place], p = /** @type {Float64Array} */ (seen.p);
  const order = Array.from(p.keys()).sort((a, b) => p[b] - p[a]).slice(0, SHOWN);
  if (written !== undefined && !order.includes(written)) order[SHOWN - 1] = written;
  const widest = Math.max(...order.map((token) => Math.max(p[token], seen.intact?.[token] ?? 0)));
  $("expected").classList.toggle("cut", Boolean(seen.intact));
  $("expected").replaceChildren(...order.map((token) => {
    const bar = make("span", { className: "bar" });
    bar.style.setProperty("--share", `${p[token] / widest}`);
    if (seen.intact) bar.style.setProperty("--intact", `${seen.intact[token] / widest}`);
    const row = make("li", { className: token === written ? "written" : "" },
      make("span", { className: "name", textContent: alphabet.said[token] }), bar,
      make("span", { className: "share", textContent: `${(100 * p[token]).toFixed(1)} %` }));
    if (token === written) row.append(make("span", { className: "mark", textContent: "written" }));
    return row;
  }));
  const name = alphabet.said[written] ?? "not yet written";
  $("place").textContent = `token ${seen.place}: ${name}`;
  const moved = p.reduce((sum, v, n) => sum + Math.abs(v - (seen.intact ?? p)[n]), 0) / 2;
  $("moved").textContent = seen.intact
    ? `What is off moves ${(100 * moved).toFixed(1)} % of the probability at this token.` : "";
}

/** The gates of the chosen unit at this token. */
function showGates() {
  const { gates, cells } = apart.seen, type = layers()[apart.layer].type;
  const names = type === "GRU" ? ["reset", "update", "candidate"] : Object.values(GATES);
  const rows = [["cell", cells[apart.layer]?.[apart.unit] ?? 0],
    ...gates.map((/** @type {number} */ v, /** @type {number} */ k) => [names[k], v])];
  $("gates").replaceChildren(...rows.flatMap(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", { textContent: value.toFixed(3) })]));
}

/** All cells of each layer: blue above zero, red below, the chosen unit in a frame. */
export function drawCells() {
  const { seen } = apart, colours = [css("--note"), css("--accent")];
  for (const { layer, k } of recurrent()) {
    const cells = seen?.cells[k], side = sideOf(layer.units);
    const size = Math.max(8, Math.floor(224 / side));
    const pen = prepare($(`cells-${k}`), side * size, side * size);
    for (let u = 0; u < layer.units; u++) {
      const value = cells ? cells[u] : 0, [x, y] = [u % side * size, Math.floor(u / side) * size];
      pen.globalAlpha = Math.min(Math.abs(Math.tanh(value)) + 0.04, 1);
      pen.fillStyle = colours[value < 0 ? 1 : 0];
      pen.fillRect(x, y, size - 1, size - 1);
      pen.globalAlpha = 1;
      if (apart.cuts.some((c) => c.layer === layer.name && c.unit === u)) mark(pen, x, y, size);
      if (k === apart.layer && u === apart.unit) {
        pen.strokeStyle = css("--ink");
        pen.lineWidth = 2;
        pen.strokeRect(x, y, size - 1, size - 1);
      }
    }
  }
}

/** A cross over a unit that is off. @param {CanvasRenderingContext2D} pen @param {number} x
 * @param {number} y @param {number} size */
function mark(pen, x, y, size) {
  pen.strokeStyle = css("--ink");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + size - 1, y + size - 1);
  pen.moveTo(x + size - 1, y);
  pen.lineTo(x, y + size - 1);
  pen.stroke();
}

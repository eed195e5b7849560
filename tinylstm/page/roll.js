/* The piano roll, what one unit did below it, and the small pictures of the takes. Only what is in
   view is drawn, so a piece may be of any length and may grow. */

import { $, css, prepare } from "./dom.js";
import { player, position } from "./player.js";

/** @import { Piece } from "./piece" */

const ROLL = 260, INSIDE = 190, BLACK = [1, 3, 6, 8, 10];
const view = {
  trace: /** @type {Trace | null} */ (null),  // of the chosen unit
  name: "",
  traced: "",  // what the trace was last drawn for
  drawn: "",  // what the roll was last drawn for
};
/** @typedef {{ onset: number[], c: number[], gates: number[][] }} Trace gates: i f g o, or r u n */

/** Pixels per quarter note: a piece fills the width, or scrolls. */
export function scale() {
  const quarters = player.piece?.end ?? 1, wide = $("scroller").clientWidth;
  return player.piece?.draft ? Math.max(14, Math.min(wide / quarters, 40))
    : Math.max(wide / quarters, 14);
}

/** @param {Piece} piece @returns {[number, number]} the lowest and the highest row */
export function rows(piece) {
  let [low, high] = piece.draft ? [50, 82] : [127, 0];
  for (const [, , pitch] of piece.notes) {
    low = Math.min(low, pitch);
    high = Math.max(high, pitch);
  }
  return [low - 2, high + 2];
}

/** @param {CanvasRenderingContext2D} pen @param {Piece} piece
 * @param {{ from: number, x: number, width: number, height: number, lines: boolean }} place
 * from: the quarter note at the left; x: pixels per quarter note */
function drawNotes(pen, piece, { from, x, width, height, lines }) {
  const [low, high] = rows(piece), row = height / (high - low + 1), gap = lines && row > 4 ? 1 : 0;
  if (lines) drawLines(pen, piece, { from, x, width, row, low, high });
  const now = player.playing ? position() : -1, to = from + width / x;
  const colours = ["--note", "--primer", "--accent"].map(css);
  piece.notes.forEach(([onset, duration, pitch, velocity], n) => {
    if (onset > to || onset + duration < from) return;
    const sounds = lines && onset <= now && now < onset + duration;
    pen.fillStyle = colours[sounds ? 2 : piece.isGiven(n) ? 1 : 0];
    pen.globalAlpha = 0.4 + 0.6 * velocity / 127;
    pen.fillRect((onset - from) * x, (high - pitch) * row, Math.max(duration * x - gap, 1),
      row - gap);
  });
  pen.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} pen @param {Piece} piece @param {any} place */
function drawLines(pen, piece, { from, x, width, row, low, high }) {
  const height = row * (high - low + 1);
  pen.fillStyle = css("--black-key");
  for (let pitch = low; pitch <= high; pitch++) {
    if (BLACK.includes(pitch % 12)) pen.fillRect(0, (high - pitch) * row, width, row);
  }
  pen.fillStyle = css("--line");
  for (let t = Math.ceil(from / piece.bar) * piece.bar; t < from + width / x; t += piece.bar) {
    pen.fillRect((t - from) * x, 0, 1, height);
  }
  pen.fillStyle = css("--soft");
  pen.font = "11px system-ui, sans-serif";
  for (let pitch = Math.ceil(low / 12) * 12; pitch <= high; pitch += 12) {
    pen.fillText(`C${pitch / 12 - 1}`, 3, (high - pitch + 1) * row);
  }
}

/** Draw what is in view. It is called when that has changed, not for every frame. */
export function drawRoll() {
  const { piece } = player;
  if (!piece) return;
  const x = scale(), width = $("scroller").clientWidth, from = $("scroller").scrollLeft / x;
  $("stage").style.width = `${Math.max(x * piece.end, width)}px`;
  const pen = prepare($("roll"), width, ROLL);
  drawNotes(pen, piece, { from, x, width, height: ROLL, lines: true });
  const label = `Piano roll of ${piece.label}: ${piece.notes.length} notes`;
  if ($("roll").getAttribute("aria-label") !== label) $("roll").setAttribute("aria-label", label);
  view.drawn = `${$("scroller").scrollLeft} ${player.playing ? sounding() : ""}`;
  drawTrace(from, x, width);
}

/** What a unit did: the cell above, its gates below. @param {Trace | null} trace
 * @param {string} name */
export function showTrace(trace, name) {
  [view.trace, view.name, view.traced] = [trace, name, ""];
  $("inside").hidden = !trace;
  drawRoll();
}

/** @param {number} from @param {number} x @param {number} width */
function drawTrace(from, x, width) {
  const { trace, name } = view;
  const drawn = `${from} ${x} ${width} ${css("--ink")}`;
  if (!trace || view.traced === drawn) return;
  view.traced = drawn;
  const pen = prepare($("inside"), width, INSIDE), top = INSIDE * 0.55;
  const most = Math.max(1, ...trace.c.map(Math.abs)), to = from + width / x;
  const first = Math.max(trace.onset.findIndex((onset) => onset >= from) - 1, 0);
  const line = (/** @type {(n: number) => number} */ y, /** @type {string} */ colour,
    /** @type {number} */ thick) => {
    pen.strokeStyle = css(colour);
    pen.lineWidth = thick;
    pen.beginPath();
    for (let n = first; n < trace.c.length; n++) {
      pen.lineTo((trace.onset[n] - from) * x, y(n));
      if (trace.onset[n] > to) break;
    }
    pen.stroke();
  };
  pen.fillStyle = css("--line");
  pen.fillRect(0, top / 2, width, 1);
  pen.fillRect(0, top, width, 1);
  line((n) => top / 2 - trace.c[n] / most * (top / 2 - 6), "--cell", 2);
  trace.gates.forEach((values, k) => {
    const centred = k === 2;  // the candidate g, or n, is between -1 and 1
    line((n) => INSIDE - 4 - (centred ? (values[n] + 1) / 2 : values[n]) * (INSIDE - top - 8),
      ["--i", "--f", "--g", "--o"][k], 1.2);
  });
  $("inside").setAttribute("aria-label", `Cell state and gates of ${name}`);
}

/** A small picture of a piece. @param {HTMLCanvasElement} canvas @param {Piece} piece */
export function thumbnail(canvas, piece) {
  const pen = prepare(canvas, 150, 48), x = 150 / piece.end;
  drawNotes(pen, piece, { from: 0, x, width: 150, height: 48, lines: false });
  canvas.style.width = "100%";
}

/** Put the cursor where the music is, and scroll with it. */
export function showCursor() {
  const x = position() * scale(), scroller = $("scroller");
  $("cursor").style.transform = `translateX(${x}px)`;
  if (player.playing) {
    const { scrollLeft, clientWidth } = scroller;
    if (x < scrollLeft || x > scrollLeft + clientWidth * 0.9) {
      scroller.scrollLeft = x - clientWidth * 0.1;
    }
  }
  const lit = player.playing ? sounding() : "";
  if (view.drawn !== `${scroller.scrollLeft} ${lit}`) drawRoll();
}

/** The notes that sound now, as text. */
function sounding() {
  const now = position(), notes = player.piece?.notes ?? [];
  let text = "";
  for (let n = 0; n < notes.length && notes[n][0] <= now; n++) {
    if (now < notes[n][0] + notes[n][1]) text += `${n} `;
  }
  return text;
}

/* The pieces on the page, and the net that makes new ones. One piece is the draft: it is composed,
   changed, taken back; what is kept joins the others. */

import { $, say } from "./dom.js";
import { draftOf, finished, given, Piece } from "./piece.js";
import { find, go, pause, play, player, position } from "./player.js";

/** @import { Alphabet, Instrument, Length, Part, Settings } from "./types" */

const AHEAD = 8;  // quarter notes that an endless piece is composed ahead of what is heard
export const ENDLESS = 1e6;  // notes

export const session = {
  net: /** @type {Instrument | null} */ (null),
  alphabet: /** @type {Alphabet | null} */ (null),
  worker: /** @type {Worker | null} */ (null),
  loaded: false,
  pieces: /** @type {Piece[]} */ ([]),
  draft: /** @type {Piece | null} */ (null),
  history: /** @type {Piece[]} */ ([]),  // drafts to go back to
  version: 0,
  endless: false,
  settings: /** @type {() => Settings} */ (() => { throw new Error("no settings yet"); }),
  onPieces: () => {},  // the list has changed
  onPiece: () => {},  // another piece is shown
  onNotes: () => {},  // the piece has grown
  onAnswer: /** @type {(message: any) => void} */ (() => {}),  // the net was looked into
};

/** Start the worker from its source in the page. */
export function startWorker() {
  const source = new Blob([$("worker").textContent], { type: "text/javascript" });
  const address = URL.createObjectURL(source), { net } = session;
  if (!net) return;
  session.worker = new Worker(address);
  session.worker.onmessage = ({ data }) => {
    if (data.type === "loaded") session.loaded = true;
    else if (data.version !== session.version) return;  // of a piece that is gone
    else if (data.type === "tokens") receive(data);
    else session.onAnswer(data);
  };
  session.worker.onerror = (event) => say(`The net has stopped: ${event.message}`);
  session.worker.postMessage({ type: "load", layers: net.layers, alphabet: net.alphabet,
    tables: JSON.parse($("tables").textContent), weights: JSON.parse($("weights").textContent) });
  $("weights").remove();  // the worker has its own copy
}

/** @param {{ ids: number[], done: boolean }} message */
function receive({ ids, done }) {
  const { piece } = player;
  if (!piece) return;
  piece.receive(ids);
  piece.composing = !done;
  if (piece.draft) session.onNotes();
}

/** Show a piece; the net reads it. @param {Piece} piece @param {boolean} stay at the same place */
export function choose(piece, stay = false) {
  if (!stay) pause();
  player.piece = piece;
  if (!stay) {
    $("tempo").value = piece.tempo;
    player.paused = 0;
  }
  openInNet(piece);
  if (player.playing) find(position());
  session.onPiece();
  go(stay ? position() : 0);
}

/** @param {Piece} piece */
function openInNet(piece) {
  session.version++;
  if (!session.worker || !piece.parts.length) return;
  piece.composing = piece.parts.some((part) => !finished(part));
  session.worker.postMessage({ type: "open", version: session.version, until: ahead(),
    plan: { parts: piece.parts, tempo: piece.tempo, metre: piece.metre } });
}

/** How far to compose: all, or an endless piece a little ahead of the music. */
function ahead() {
  return session.endless && player.piece?.composing ? position() + AHEAD : Infinity;
}

/** Tell the net how far the music is. */
export function keepPace() {
  if (session.endless && player.piece?.composing) {
    session.worker?.postMessage({ type: "pace", until: ahead() });
  }
}

/** A new draft takes the place of the old one, which can be had back.
 * @param {Piece} piece @param {boolean} stay */
export function setDraft(piece, stay = false) {
  if (session.draft) session.history.push(session.draft);
  session.draft = piece;
  choose(piece, stay);
  session.onPieces();
}

/** @param {number} seed @param {Length} length @returns {Part} */
export function composed(seed, length) {
  return { ids: [], seed, settings: structuredClone(session.settings()), length, count: null };
}

/** A new piece from nothing, or after given tokens.
 * @param {number} seed @param {Length} length @param {number[]} primer */
export function compose(seed, length, primer = []) {
  const { net, alphabet } = session;
  if (!net || !alphabet) return;
  const parts = [given([alphabet.bos, ...primer]), composed(seed, length)];
  const like = { tempo: Number($("tempo").value), metre: player.piece?.metre ?? [4, 4] };
  const piece = draftOf(parts, alphabet, `seed ${seed}`, primer.length ? like
    : { tempo: net.tempo, metre: [4, 4] });
  setDraft(piece);
  play();
}

/** Keep what was before a place, and compose the rest anew.
 * @param {number} from the quarter note @param {number} seed @param {Length} length */
export function goOn(from, seed, length) {
  const { piece } = player, { alphabet } = session;
  if (!piece || !alphabet) return;
  const parts = piece.cut(piece.tokensOf(piece.notesBefore(from)));
  if (!parts.length) parts.push(given([alphabet.bos]));
  const next = draftOf([...parts, composed(seed, length)], alphabet, `seed ${seed}`, piece);
  const stay = piece.draft || !piece.later;
  setDraft(next, stay);
  if (!player.playing) play();
}

/** Something was switched: rewrite what has not been heard, if this is a draft that plays. */
export function rewrite() {
  const { piece } = player;
  if (!piece?.draft || !player.playing || piece.parts.at(-1)?.seed === null) return;
  setTimeout(() => {
    const last = piece.parts.at(-1);
    if (player.piece !== piece || !last?.length) return;
    goOn(position() + 0.5, last.seed ?? 0, last.length);
  }, 60);
}

export function undo() {
  const before = session.history.pop();
  if (!before) return;
  session.draft = before;
  choose(before, player.playing);
  session.onPieces();
}

/** The draft becomes one of the pieces. */
export function keep() {
  const { draft } = session;
  if (!draft) return;
  const kept = draftOf(draft.cut(draft.tokensOf(draft.decoder?.notes.length ?? 0)),
    /** @type {Alphabet} */ (session.alphabet), `${draft.label} (kept)`, draft);
  session.pieces.push(kept);
  session.onPieces();
  say(`Kept: ${kept.label}, ${kept.notes.length} notes.`);
}

/** The takes that Python composed. @param {import("./types").Take[]} takes */
export function openTakes(takes) {
  session.pieces = takes.map((take) => new Piece(take, session.alphabet));
}

/* Answer me: somebody plays a phrase; after a pause the net goes on from it, on the beat, and
   listens again. The whole conversation is one draft, so the net's state is carried through it. */

import { $, say } from "./dom.js";
import { encode } from "./grammar.js";
import { keyOf, notesOf, tempoOf } from "./listening.js";
import { draftOf, given } from "./piece.js";
import { pause, play, player, position, setTempo } from "./player.js";
import { drawRoll } from "./roll.js";
import { choose, composed, session, setDraft } from "./session.js";
import { keyDown, keyUp, prepareSound } from "./sound.js";

/** @import { Press } from "./listening" */
/** @import { Piece } from "./piece" */
/** @import { Note } from "./types" */

const THINK = 0.25;  // seconds of silence after which the net begins to think
const CATCH = 0.1;  // seconds that the audio clock needs to start in time

export const duet = {
  presses: /** @type {Press[]} */ ([]),
  held: /** @type {Map<number, Press>} */ (new Map()),
  piece: /** @type {Piece | null} */ (null),  // the conversation
  base: /** @type {Piece | null} */ (null),  // the conversation before the phrase
  begin: 0,  // the quarter note at which the phrase begins
  answer: /** @type {Answer | null} */ (null),
  answers: 0,
  timer: 0,
  log: /** @type {object[]} */ ([]),  // for tests: when the pause was over, when the answer began
};
/** first: the place of the answer's first note
 * @typedef {{ notes: Note[], bpm: number, key: string, first: number, played: boolean }} Answer */

const clock = () => performance.now() / 1000;

/** @param {number} pitch @param {number} velocity @param {number} time of the event: the page may
 * be late, the player is not */
export async function press(pitch, velocity, time = performance.now()) {
  if (duet.held.has(pitch)) return;
  const made = { pitch, velocity, on: time / 1000, off: Infinity };
  duet.held.set(pitch, made);
  document.querySelector(`#keys [data-pitch="${pitch}"]`)?.classList.add("down");
  await prepareSound();
  if (duet.held.has(pitch)) keyDown(pitch, velocity);
  if (!session.net || !$("answer-me").checked) return;
  if (!duet.presses.length) beginPhrase();
  withdraw();
  duet.presses.push(made);
  say("Listening …");
  duet.timer ||= setInterval(listen, 25);
}

/** @param {number} pitch @param {number} time of the event */
export function release(pitch, time = performance.now()) {
  const made = duet.held.get(pitch);
  if (!made) return;
  made.off = time / 1000;
  duet.held.delete(pitch);
  document.querySelector(`#keys [data-pitch="${pitch}"]`)?.classList.remove("down");
  keyUp(pitch);
}

/** A phrase begins: after the conversation so far, or a new one. */
function beginPhrase() {
  const { alphabet, net } = session, heard = player.playing ? position() + 0.02 : Infinity;
  if (!alphabet || !net) return;
  pause();
  const goesOn = duet.piece && duet.piece === player.piece && duet.piece === session.draft;
  const parts = goesOn && duet.piece
    ? duet.piece.cut(duet.piece.tokensOf(duet.piece.notesBefore(heard))) : [];
  if (!parts.length) parts.push(given([alphabet.bos]));
  const tempo = Number($("tempo").value);
  const piece = draftOf(parts, alphabet, "a conversation", { tempo, metre: [4, 4] });
  if (goesOn) session.draft = null;  // the same conversation is one step of undo
  setDraft(piece, true);
  duet.piece = duet.base = piece;
  duet.begin = piece.notes.length ? Math.ceil(piece.end - 0.01) : 0;
}

/** The phrase goes on: the answer that the net had in mind is not said. */
function withdraw() {
  if (!duet.answer || !duet.base) return;
  duet.answer = null;
  session.version++;  // what it still sends is not read
  duet.piece = session.draft = player.piece = duet.base;
}

/** Every moment: show what is played; think; answer. */
function listen() {
  const { presses, piece } = duet, now = clock();
  if (!presses.length || !piece) return;
  const bpm = Number($("tempo").value), beat = 60 / bpm, first = presses[0].on;
  if (!duet.answer) {
    piece.playedNow = presses.map(({ pitch, velocity, on, off }) => [duet.begin
      + (on - first) / beat, (Math.min(off, now) - on) / beat, pitch, velocity, 0]);
    player.paused = duet.begin + (now - first) / beat;
    drawRoll();
    player.onShow();
  }
  const quiet = duet.held.size ? 0 : now - Math.max(...presses.map((p) => p.off));
  if (quiet > THINK && !duet.answer && duet.base) think(duet.base);
  const over = now - quiet + Number($("patience").value);
  if (duet.answer && duet.piece && now > over - 1.5 * CATCH) speak(duet.piece, duet.answer, over);
}

/** Understand the phrase, and let the net go on from it. @param {Piece} base */
function think(base) {
  const { net, alphabet } = session, { decoder } = base;
  if (!net || !alphabet || !decoder) return;
  const bpm = tempoOf(duet.presses.map((p) => p.on), Number($("tempo").value));
  const notes = notesOf(duet.presses, bpm, duet.begin), key = keyOf(notes, net);
  const ids = encode(notes, alphabet, decoder.now / alphabet.grid, decoder.family);
  const last = notes[notes.length - 1], phrase = last[0] + last[1] - duet.begin;
  const amount = Math.min(Math.max(Math.ceil(phrase / 2) * 2, 2), 16) + 1;
  const answer = composed(Number($("seed").value) + duet.answers++, { amount, unit: "quarters" });
  if (answer.settings) answer.settings.key ??= key.pitches;
  if (answer.settings) answer.settings.cadence = 0;  // a conversation goes on
  const parts = [...base.parts, given(ids), answer];
  const next = draftOf(parts, alphabet, base.label, { tempo: bpm, metre: [4, 4] });
  duet.piece = session.draft = next;
  const first = decoder.notes.length + notes.length;
  duet.answer = { notes, bpm, key: key.name, first, played: false };
  choose(next, true);
  const share = bpm / Number($("tempo").value);  // the place stays where it was heard
  player.paused = duet.begin + (player.paused - duet.begin) * share;
  $("tempo").value = bpm;
  setTempo();
}

/** The pause is over: play the answer, on the beat.
 * @param {Piece} piece @param {Answer} answer @param {number} over seconds */
async function speak(piece, answer, over) {
  const note = piece.notes[answer.first], beat = 60 / answer.bpm, now = clock();
  if (answer.played || (!note && piece.composing)) return;
  if (!note) return listenAgain("I have nothing to add. Your turn.");
  answer.played = true;
  clearInterval(duet.timer);
  const step = beat / 2 < 0.28 ? beat / 2 : beat / 4;
  const heard = duet.presses[0].on + (note[0] - duet.begin) * beat;
  const late = Math.ceil((Math.max(over, now + CATCH) - heard) / step - 1e-9) * step;
  const start = heard + late;
  duet.log.push({ over, start, key: answer.key, bpm: answer.bpm, first: answer.first,
    phrase: answer.notes, offset: Tone.immediate() - now, thought: now });
  player.paused = note[0];
  const lead = (note[0] % (1 / 8)) * beat;  // the player begins at a whole window
  [duet.presses, duet.answer, duet.timer] = [[], null, 0];
  say(`In ${answer.key}, at ${answer.bpm} beats per minute.`);
  await play(start - lead + Tone.immediate() - clock());
  player.next = answer.first;  // not the phrase's last note, if the answer begins with it
}

/** @param {string} text */
function listenAgain(text) {
  clearInterval(duet.timer);
  [duet.presses, duet.answer, duet.timer] = [[], null, 0];
  say(text);
}

/** The answer has ended. */
export function yourTurn() {
  if (duet.piece && duet.piece === player.piece && !duet.presses.length) {
    player.paused = duet.piece.end;
    say("Your turn.");
  }
}

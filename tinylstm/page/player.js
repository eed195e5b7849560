/* The clock: plays the notes of a piece that may still grow or change while it plays. */

import { $, later } from "./dom.js";
import { prepareSound, silence, sound, strike } from "./sound.js";

/** @import { Piece } from "./piece" */

const WINDOW = 1 / 8;  // quarter notes: the notes of so long are handed to the audio clock at once

export const player = {
  piece: /** @type {Piece | null} */ (null),
  playing: false,
  paused: 0,  // the quarter note where it stands
  next: 0,  // the first note that has not sounded
  scheduled: false,
  waiting: false,  // for the net
  onShow: () => {},
  onStop: () => {},
};

/** The quarter note that is heard now. */
export function position() {
  const transport = Tone.getTransport();
  if (!player.playing) return player.paused;
  return Math.max(transport.getTicksAtTime(Tone.immediate()) / transport.PPQ, player.paused);
}

/** Hand the notes of the next moment to the audio clock. @param {number} time */
function hand(time) {
  const transport = Tone.getTransport(), { piece } = player;
  if (!piece || !player.playing) return;
  const begin = transport.getTicksAtTime(time) / transport.PPQ, quarter = 60 / transport.bpm.value;
  const { notes } = piece;
  for (; player.next < notes.length; player.next++) {
    const note = notes[player.next];
    if (note[0] >= begin + WINDOW - 1e-6) break;
    if (note[0] < begin - WINDOW) continue;  // written too late to be heard in time
    strike(note, time + Math.max(note[0] - begin, 0) * quarter, note[1] * quarter);
  }
  if (begin > piece.end + 0.5 && !piece.composing) Tone.getDraw().schedule(() => stop(), time);
}

/** @param {number} quarters */
export function go(quarters) {
  player.paused = Math.min(Math.max(quarters, 0), player.piece?.end ?? 0);
  if (player.playing) {
    silence();
    seek();
  }
  player.onShow();
}

function seek() {
  const transport = Tone.getTransport(), begin = Math.floor(player.paused / WINDOW) * WINDOW;
  transport.ticks = Math.round(begin * transport.PPQ);
  find(begin);
}

/** Notes have changed: find the first that is still to sound. @param {number} from */
export function find(from) {
  const notes = player.piece?.notes ?? [], place = notes.findIndex((n) => n[0] >= from - 1e-6);
  player.next = place < 0 ? notes.length : place;
}

/** @param {number | string} when of the audio clock, or from now */
export async function play(when = "+0.05") {
  await prepareSound();
  const transport = Tone.getTransport();
  if (!player.scheduled) {
    transport.scheduleRepeat(hand, `${WINDOW * transport.PPQ}i`, 0);
    player.scheduled = true;
  }
  const { piece } = player;
  if (!piece) return;
  if (position() >= piece.end && !piece.composing) player.paused = 0;
  transport.bpm.value = Number($("tempo").value);
  seek();
  player.playing = true;
  transport.start(when);
  $("play").textContent = "Pause";
  requestAnimationFrame(frame);
}

function frame() {
  player.onShow();
  if (player.playing) requestAnimationFrame(frame);
}

export function pause() {
  if (!player.playing) return;
  player.paused = Math.min(position(), player.piece?.end ?? 0);
  player.playing = false;
  Tone.getTransport().pause();
  silence();
  $("play").textContent = "Play";
  player.onShow();
}

export function stop() {
  pause();
  player.paused = 0;
  player.onStop();
  player.onShow();
}

export function toggle() {
  return player.playing ? pause() : play();
}

export function setTempo() {
  const bpm = Number($("tempo").value);
  if (sound.ready) Tone.getTransport().bpm.value = bpm;
  $("bpm").textContent = `${bpm} bpm`;
  later(player.onShow, 0);
}

/** @param {number} quarters */
export function clock(quarters) {
  const seconds = Math.floor(quarters * 60 / Number($("tempo").value));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

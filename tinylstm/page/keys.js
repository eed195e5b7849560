/* Keys to play: on the screen, on the computer's keyboard, and of a MIDI keyboard. */

import { $, make, say } from "./dom.js";
import { press, release } from "./duet.js";

const LETTERS = "awsedftgyhujkolp;'";  // as on a piano: the row of A is white, the row above black
const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const BLACK = [1, 3, 6, 8, 10];
const WHITES = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6];  // white keys of the octave below a key
const LOUD = 88;  // keys without a touch of their own
const keyboard = { lowest: 60 };

/** Three octaves from C3; a narrow screen shows one and a bit. */
export function drawKeys() {
  const shown = [];
  for (let pitch = 48; pitch <= 84; pitch++) {
    const name = `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
    const black = BLACK.includes(pitch % 12);
    const key = make("button", { type: "button", className: black ? "black" : "white",
      tabIndex: pitch === 60 ? 0 : -1 });
    key.setAttribute("aria-label", name);
    key.dataset.pitch = pitch;
    const white = 7 * Math.floor((pitch - 48) / 12) + WHITES[pitch % 12];
    key.style.setProperty("--at", `${white + (black ? 1 : 0)}`);
    if (pitch % 12 === 0) key.append(make("span", { textContent: name }));
    shown.push(key);
  }
  $("keys").replaceChildren(...shown);
  markLetters();
}

/** Write the letters on the keys that they play. */
function markLetters() {
  document.querySelectorAll("#keys button").forEach((button) => {
    const key = /** @type {HTMLElement} */ (button);
    const letter = LETTERS[Number(key.dataset.pitch) - keyboard.lowest] ?? "";
    key.dataset.letter = letter.toUpperCase();
  });
}

/** @param {number} octaves */
export function shift(octaves) {
  keyboard.lowest = Math.min(Math.max(keyboard.lowest + 12 * octaves, 24), 84);
  markLetters();
  say(`The letters play from ${NAMES[0]}${keyboard.lowest / 12 - 1}.`);
}

/** A letter as a key. Returns whether it is one. @param {KeyboardEvent} event */
export function letter(event) {
  const place = LETTERS.indexOf(event.key.toLowerCase());
  if (event.key.length === 1 && place >= 0) {
    if (event.type === "keyup") release(keyboard.lowest + place, event.timeStamp);
    else if (!event.repeat) press(keyboard.lowest + place, LOUD, event.timeStamp);
    return true;
  }
  if (event.type === "keydown" && /^[zx]$/i.test(event.key)) {
    shift(/z/i.test(event.key) ? -1 : 1);
    return true;
  }
  return false;
}

/** @param {EventTarget | null} target @returns {any} */
const keyAt = (target) => /** @type {HTMLElement | null} */ (target)?.closest("#keys button");

/** Fingers: several at once, and sliding over the keys. */
export function listenToKeys() {
  const keys = $("keys"), fingers = /** @type {Map<number, number>} */ (new Map());
  const move = (/** @type {PointerEvent} */ event, /** @type {any} */ key) => {
    const old = fingers.get(event.pointerId), pitch = key ? Number(key.dataset.pitch) : undefined;
    if (old === pitch) return;
    if (old !== undefined) release(old, event.timeStamp);
    fingers.delete(event.pointerId);
    if (!key || pitch === undefined) return;
    const box = key.getBoundingClientRect(), depth = (event.clientY - box.top) / box.height;
    fingers.set(event.pointerId, pitch);
    const velocity = Math.round(60 + 55 * Math.min(Math.max(depth, 0), 1));  // lower is louder
    press(pitch, velocity, event.timeStamp);
  };
  keys.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    keyAt(event.target)?.releasePointerCapture?.(event.pointerId);
    move(event, keyAt(event.target));
  });
  keys.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (fingers.has(event.pointerId)) {
      move(event, keyAt(document.elementFromPoint(event.clientX, event.clientY)));
    }
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    window.addEventListener(kind, (event) => move(/** @type {PointerEvent} */ (event), null));
  }
  window.addEventListener("blur", () => fingers.forEach((pitch) => release(pitch)));
  for (const kind of ["keydown", "keyup"]) keys.addEventListener(kind, walk);
}

/** Enter plays the key in focus, the arrows go to the next. @param {KeyboardEvent} event */
function walk(event) {
  const key = keyAt(event.target), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!key) return;
  if (event.key === "Enter") {
    if (event.type === "keyup") release(Number(key.dataset.pitch), event.timeStamp);
    else if (!event.repeat) press(Number(key.dataset.pitch), LOUD, event.timeStamp);
  } else if (step && event.type === "keydown") {
    const next = $("keys").querySelector(`[data-pitch="${Number(key.dataset.pitch) + step}"]`);
    if (next) [key.tabIndex, next.tabIndex] = [-1, 0];
    next?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Ask for the MIDI keyboards. */
export async function connectMidi() {
  try {
    const access = await /** @type {any} */ (navigator).requestMIDIAccess();
    const inputs = [...access.inputs.values()];
    for (const input of inputs) {
      input.onmidimessage = (/** @type {any} */ { data, timeStamp }) => {
        const [status, pitch, velocity] = data, kind = status & 0xf0;
        if (kind === 0x90 && velocity) press(pitch, velocity, timeStamp);
        else if (kind === 0x80 || kind === 0x90) release(pitch, timeStamp);
      };
    }
    say(inputs.length ? `Connected: ${inputs.map((input) => input.name).join(", ")}`
      : "No MIDI keyboard is plugged in.");
  } catch (error) {
    say(`No MIDI here: ${/** @type {Error} */ (error).message}`);
  }
}

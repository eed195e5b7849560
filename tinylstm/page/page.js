/* The page: brings its parts together. `data` comes from data.py, the net from net.py. */

import { answered, apart, chooseUnit, drawCells, follow, look, openApart, refreshTrace,
} from "./apart.js";
import { $, later, make, say } from "./dom.js";
import { duet, yourTurn } from "./duet.js";
import { drawLoss, showFigures } from "./figures.js";
import { connectMidi, drawKeys, letter, listenToKeys, shift } from "./keys.js";
import { keyNamed } from "./listening.js";
import { clock, go, pause, play, player, position, setTempo, toggle } from "./player.js";
import { drawRoll, scale, showCursor, showTrace, thumbnail } from "./roll.js";
import { choose, compose, ENDLESS, goOn, keep, keepPace, openTakes, rewrite, session, startWorker,
  undo } from "./session.js";
import { continueFile, download, linkOf, midiOf, openLink } from "./share.js";
import { prepareSound, setVolume, sound, voice } from "./sound.js";
import { unpack } from "./unpack.js";

/** @import { Length, Settings } from "./types" */
/** @import { Piece } from "./piece" */

const data = JSON.parse($("data").textContent);
session.net = data.net;
session.alphabet = data.net && { ...data.net.alphabet,
  next: unpack(JSON.parse($("tables").textContent)).next };

/** What the controls say now. @returns {Settings} */
function settings() {
  const value = (/** @type {string} */ id) => Number($(id).value), key = $("key").value;
  const [root, mode] = key.split(" ");
  return {
    ...data.net.settings,  // recall and the like
    temperature: value("temperature"), topK: value("top-k"), topP: value("top-p"),
    minP: value("min-p"), maxRepeat: value("max-repeat"), cuts: apart.cuts,
    key: key && session.net ? keyNamed(Number(root), mode === "minor" ? "minor" : "major",
      session.net).pitches : null,
  };
}

/** @returns {Length} */
function length() {
  const unit = $("length-unit").value, amount = Math.max(Number($("length").value) || 1, 1);
  session.endless = unit === "endless";
  return session.endless ? { amount: ENDLESS, unit: "notes" } : { amount, unit };
}

const seed = () => Math.min(Math.max(Math.floor(Number($("seed").value)) || 0, 0), 2 ** 53);

function show() {
  const { piece } = player;
  if (!piece) return;
  const now = position();
  showCursor();
  $("seek").value = now;
  $("time").textContent = `${clock(now)} of ${clock(piece.end)}`;
  follow();
  if (player.playing) later(keepPace, 200);
}

function showPiece() {
  const { piece } = player;
  if (!piece) return;
  for (const button of $("takes").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", button.piece === piece);
  }
  const chosen = $("unit").value;
  $("unit").replaceChildren(...remembered(piece).map(({ name, layer, unit }) =>
    make("option", { value: `${layer}.${unit}`, textContent: name })));
  if (session.net) $("unit").append(make("option", { value: "", textContent: "by its number" }));
  if (chosen) $("unit").value = chosen;
  if ($("unit").selectedIndex < 0) $("unit").selectedIndex = 0;
  chooseRemembered();
  refresh();
  setTempo();
}

let told = "";

/** The piece has other notes. */
function refresh() {
  const { piece } = player;
  if (!piece) return;
  $("seek").max = piece.end;
  for (const id of ["undo", "keep"]) $(id).disabled = !session.draft;
  $("undo").disabled = !session.history.length;
  if (piece.draft && piece !== duet.piece) {
    const about = piece.about && `, ${piece.about}`;
    const text = piece.composing ? "Composing …"
      : `${piece.label}${about}: ${piece.notes.length} notes.`;
    if (text !== told) say(told = text);  // not again: something newer may stand there
  }
  if (piece.draft) later(drawDraft, 500);
  drawRoll();
  later(figures, 600);
  if (session.net) refreshTrace();
}

const figures = () => showFigures(data);

/** The small picture of the draft. */
function drawDraft() {
  const button = [...$("takes").children].find((card) => card.piece === player.piece);
  if (button && player.piece?.notes.length) thumbnail(button.firstChild, player.piece);
}

/** The units that Python found to follow something; a draft shows those of the first take.
 * @param {Piece} piece */
const remembered = (piece) => (piece.draft ? session.pieces[0] : piece).take.inside;

/** Show the unit that is chosen in the list. */
function chooseRemembered() {
  const { piece } = player, name = $("unit").value;
  const found = piece && remembered(piece).find((u) => `${u.layer}.${u.unit}` === name);
  $("remembers").textContent = found?.remembers ?? "";
  $("inside-panel").hidden = !session.net && !piece?.take.inside.length;
  if (session.net) {
    if (found) chooseUnit(session.net.layers.findIndex((l) => l.name === found.layer), found.unit);
  } else if (found && piece) {
    const part = (/** @type {"i" | "f" | "g" | "o" | "c"} */ k) => found[k].map((v) => v / 100);
    showTrace({ onset: piece.notes.map((note) => note[0]), c: part("c"),
      gates: [part("i"), part("f"), part("g"), part("o")] }, found.name);
  } else showTrace(null, "");
}

function showPieces() {
  const all = session.draft ? [...session.pieces, session.draft] : session.pieces;
  $("takes").replaceChildren(...all.map(card));
  $("takes").hidden = all.length < 2 && !session.net;
}

/** @param {Piece} piece */
function card(piece) {
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  const text = piece === session.draft ? "being composed here" : piece.about
    || `${piece.notes.length} notes`;
  const button = make("button", { type: "button", piece }, canvas, piece.label,
    make("small", { textContent: text }));
  button.setAttribute("aria-pressed", piece === player.piece);
  button.addEventListener("click", () => chooseCard(piece));
  if (piece.notes.length) thumbnail(canvas, piece);
  return button;
}

/** @param {Piece} piece */
function chooseCard(piece) {
  const { playing } = player;
  choose(piece);
  if (playing) play();
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !player.piece) return;
  const target = /** @type {HTMLElement} */ (event.target);
  const form = target.closest("button, input, select, summary"), { bar } = player.piece;
  const typing = form instanceof HTMLInputElement && ["number", "file"].includes(form.type)
    || form instanceof HTMLSelectElement;
  if (event.key === " " && !(form && form.tagName !== "INPUT")) toggle();
  else if (!typing && session.net && letter(event)) { /* a letter plays */ }
  else if (form) return;
  else if (event.key === "ArrowLeft") go(position() - bar);
  else if (event.key === "ArrowRight") go(position() + bar);
  else if (/^[1-9]$/.test(event.key) && session.pieces[Number(event.key) - 1]) {
    chooseCard(session.pieces[Number(event.key) - 1]);
  } else return;
  event.preventDefault();
}

/** @param {Record<string, () => void>} actions by the id of their button */
function buttons(actions) {
  for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
}

function nextSeed() {
  $("seed").value = seed() + 1;
  return seed();
}

/** The controls of the net. */
function openNet() {
  const { net } = session;
  if (!net) return;
  for (const id of ["compose-panel", "duet-panel", "apart-panel", "actions"]) $(id).hidden = false;
  $("seed").value = Math.max(...data.takes.map((/** @type {any} */ take) => take.seed)) + 1;
  $("temperature").value = net.settings.temperature;
  $("temperature-shown").textContent = net.settings.temperature;
  const names = Array.from({ length: 24 }, (_, k) => keyNamed(k % 12, k < 12 ? "major" : "minor",
    net).name);
  $("key").append(...names.map((name, k) => make("option", {
    value: `${k % 12} ${name.split(" ")[1]}`, textContent: name })));
  buttons({
    "compose": () => compose(seed(), length()),
    "another": () => compose(nextSeed(), length()),
    "go-on": () => goOn(position(), seed(), length()),
    "again": () => goOn(position(), nextSeed(), length()),
    "undo": undo, "keep": keep, "midi-in": connectMidi,
    "octave-down": () => shift(-1), "octave-up": () => shift(1),
    "link": copyLink,
  });
  for (const id of ["temperature", "key", "top-k", "top-p", "min-p", "max-repeat"]) {
    $(id).addEventListener("change", rewrite);
  }
  $("temperature").addEventListener("input", () => {
    $("temperature-shown").textContent = $("temperature").value;
  });
  $("primer").addEventListener("change", () => {
    const [file] = $("primer").files;
    if (file) continueFile(file, Number($("primer-bars").value) || 4, seed(), length());
  });
  startWorker();
  drawKeys();
  listenToKeys();
  openApart();
}

async function copyLink() {
  if (!player.piece) return;
  const address = linkOf(player.piece);
  history.replaceState(null, "", address);
  try {
    await navigator.clipboard.writeText(address);
    say("The link is copied. It holds seeds and settings; this page makes the music again.");
  } catch {
    say("The link is in the address bar. It holds seeds and settings.");
  }
}

function start() {
  $("about").textContent = data.about;
  $("no-net").textContent = data.obstacle;
  session.settings = settings;
  session.onPieces = showPieces;
  session.onPiece = showPiece;
  session.onNotes = () => later(refresh, 100);
  session.onAnswer = answered;
  player.onShow = show;
  player.onStop = yourTurn;
  openTakes(data.takes);
  openNet();
  buttons({ play: toggle, download: () => {
    if (player.piece) download(player.piece, Number($("tempo").value));
  } });
  $("seek").addEventListener("input", () => go(Number($("seek").value)));
  $("tempo").addEventListener("input", setTempo);
  $("volume").addEventListener("input", setVolume);
  $("unit").addEventListener("change", chooseRemembered);
  $("stage").addEventListener("click", (/** @type {MouseEvent} */ event) =>
    go((event.clientX - $("stage").getBoundingClientRect().left) / scale()));
  $("scroller").addEventListener("scroll", drawRoll);
  document.addEventListener("keydown", key);
  document.addEventListener("keyup", letter);
  window.addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  showPieces();
  choose(session.pieces[0]);
  redraw();
  if (session.net) say("Play a take, compose something new, or play a phrase on the keys below.");
  openLink();
}

function redraw() {
  drawLoss(data.history, data.baselines);
  showPieces();
  drawRoll();
  if (session.net) drawCells();
  show();
}

start();
window.tinylstm = {  // for tests and for the console
  data, player, session, sound, duet, apart, position, go, play, pause, choose, prepareSound, voice,
  scale, settings, midiOf, look,
};

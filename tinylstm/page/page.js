/* The page: draws the takes, plays them with Tone.js, shows gates and cells. No framework.
   `data` comes from tinylstm/page/data.py. Times are in quarter notes until they reach Tone. */
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const ROLL = 260, INSIDE = 190, DRUMS = 128;
const state = { take: 0, unit: 0, sounded: [], ready: false, playing: false, paused: 0 };
window.tinylstm = { data, state };  // for tests and for the console

// Drawing

function end(take) {
  return Math.max(...take.notes.map(([onset, duration]) => onset + duration));
}

function scale() {  // pixels per quarter note: the piece fills the width, or scrolls
  const quarters = end(data.takes[state.take]);
  const width = Math.max($("scroller").clientWidth, Math.min(quarters * 14, 15000));
  return width / quarters;
}

function prepare(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 15000 / width);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}

function drawNotes(pen, take, width, height, lines) {
  const pitches = take.notes.map((note) => note[2]);
  const low = Math.min(...pitches) - 2, high = Math.max(...pitches) + 2;
  const row = height / (high - low + 1), x = width / end(take), gap = lines && row > 4 ? 1 : 0;
  if (lines) {
    for (let pitch = low; pitch <= high; pitch++) {
      pen.fillStyle = css("--black-key");
      if ([1, 3, 6, 8, 10].includes(pitch % 12)) pen.fillRect(0, (high - pitch) * row, width, row);
    }
    const bar = take.metre[0] * 4 / take.metre[1];
    pen.fillStyle = css("--line");
    for (let t = 0; t < end(take); t += bar) pen.fillRect(t * x, 0, 1, height);
    pen.fillStyle = css("--soft");
    pen.font = "11px system-ui, sans-serif";
    for (let pitch = Math.ceil(low / 12) * 12; pitch <= high; pitch += 12) {
      pen.fillText(`C${pitch / 12 - 1}`, 3, (high - pitch + 1) * row);
    }
  }
  take.notes.forEach(([onset, duration, pitch, velocity], index) => {
    pen.fillStyle = css(index < take.primed ? "--primer" : "--note");
    pen.globalAlpha = 0.4 + 0.6 * velocity / 127;
    pen.fillRect(onset * x, (high - pitch) * row, Math.max(duration * x - gap, 1), row - gap);
  });
  pen.globalAlpha = 1;
}

function drawRoll() {
  const take = data.takes[state.take], width = scale() * end(take);
  $("stage").style.width = `${width}px`;
  drawNotes(prepare($("roll"), width, ROLL), take, width, ROLL, true);
  $("roll").setAttribute("aria-label", `Piano roll of ${take.label}: ${take.notes.length} notes`);
  drawInside();
}

function drawInside() {
  const take = data.takes[state.take], unit = take.inside[state.unit];
  $("inside").hidden = $("inside-panel").hidden = !unit;
  if (!unit) return;
  const x = scale(), width = x * end(take), pen = prepare($("inside"), width, INSIDE);
  const top = INSIDE * 0.55, most = Math.max(100, ...unit.c.map(Math.abs));
  const line = (values, y, color, thick) => {
    pen.strokeStyle = css(color);
    pen.lineWidth = thick;
    pen.beginPath();
    values.forEach((value, n) => pen.lineTo(take.notes[n][0] * x, y(value)));
    pen.stroke();
  };
  pen.fillStyle = css("--line");
  pen.fillRect(0, top / 2, width, 1);
  pen.fillRect(0, top, width, 1);
  line(unit.c, (c) => top / 2 - c / most * (top / 2 - 6), "--cell", 2);
  for (const gate of ["i", "f", "o"]) {
    line(unit[gate], (v) => INSIDE - 4 - v / 100 * (INSIDE - top - 8), `--${gate}`, 1.2);
  }
  line(unit.g, (v) => INSIDE - 4 - (v + 100) / 200 * (INSIDE - top - 8), "--g", 1.2);
  $("inside").setAttribute("aria-label", `Cell state and gates of ${unit.name}`);
  $("remembers").textContent = unit.remembers;
}

function drawLoss() {
  const rows = data.history;
  if (!rows.length) return;
  $("loss-panel").hidden = false;
  const lines = [["loss", "training", "--note"], ["val_loss", "validation", "--accent"]]
    .filter(([key]) => key in rows[0]);
  const marks = Object.entries(data.baselines);
  const all = [...lines.flatMap(([key]) => rows.map((r) => r[key])), ...marks.map((m) => m[1])];
  const low = Math.min(...all) - 0.1, high = Math.max(...all) + 0.1, W = 460, H = 240;
  const x = (n) => 40 + n / Math.max(rows.length - 1, 1) * (W - 130);
  const y = (v) => 10 + (high - v) / (high - low) * (H - 40);
  let svg = `<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="Loss per epoch">`;
  svg += `<path d="M40 10V${H - 30}H${W - 90}" fill="none" stroke="${css("--line")}"/>`;
  for (const value of [low, (low + high) / 2, high]) {
    svg += `<text x="36" y="${y(value) + 4}" text-anchor="end">${value.toFixed(2)}</text>`;
  }
  const labels = [];
  for (const [name, value] of marks) {
    svg += `<path d="M40 ${y(value)}H${W - 90}" stroke="${css("--soft")}" stroke-dasharray="4 4"/>`;
    labels.push([y(value), name, css("--soft")]);
  }
  for (const [key, name, color] of lines) {
    const path = rows.map((r, n) => `${n ? "L" : "M"}${x(n)} ${y(r[key])}`).join("");
    svg += `<path d="${path}" fill="none" stroke="${css(color)}" stroke-width="2"/>`;
    labels.push([y(rows.at(-1)[key]), name, css(color)]);
  }
  let free = 0;  // labels that would overlap are moved down
  for (const [place, name, color] of labels.sort((a, b) => a[0] - b[0])) {
    free = Math.max(free, place) + 13;
    svg += `<text x="${W - 84}" y="${free - 9}" style="fill:${color}">${name}</text>`;
  }
  svg += `<text x="40" y="${H - 10}">epoch 1</text>`
    + `<text x="${W - 90}" y="${H - 10}" text-anchor="end">${rows.length}</text></svg>`;
  $("loss").innerHTML = svg;
}

// Sound

const VOICES = {  // by General MIDI program; other programs sound like the piano
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
const instruments = {};

function voice(program) {
  const found = Object.entries(VOICES).find(([, [[a, b]]]) => a <= program && program < b);
  const name = program === DRUMS ? "drums" : found ? found[0] : "piano";
  if (!instruments[name]) {
    instruments[name] = name === "drums"
      ? new Tone.PolySynth(Tone.MembraneSynth).connect(state.out)
      : new Tone.PolySynth(Tone.Synth, VOICES[name][1]).connect(state.out);
    instruments[name].maxPolyphony = 96;
  }
  return instruments[name];
}

function schedule() {
  const take = data.takes[state.take], transport = Tone.getTransport();
  const ticks = (quarters) => `${Math.round(quarters * transport.PPQ)}i`;
  transport.cancel(0);
  for (const [onset, duration, pitch, velocity, program] of take.notes) {
    const instrument = voice(program);
    transport.schedule((time) => {
      const seconds = duration * 60 / transport.bpm.value;
      instrument.triggerAttackRelease(
        Tone.Frequency(pitch, "midi").toFrequency(), seconds, time, velocity / 127);
      state.sounded.push({ onset, duration, pitch, program, time });
    }, ticks(onset));
  }
  transport.schedule((time) => Tone.getDraw().schedule(stop, time), ticks(end(take) + 0.5));
}

async function prepareSound() {
  await Tone.start();
  if (state.ready) return;
  state.meter = new Tone.Meter();
  state.out = new Tone.Gain(0.9).connect(new Tone.Limiter(-3).toDestination());
  state.out.connect(state.meter);
  state.ready = true;
  setVolume();
  schedule();
}

function position() {  // the quarter note that is heard now
  const transport = Tone.getTransport();
  if (!state.playing) return state.paused;
  return Math.max(transport.getTicksAtTime(Tone.immediate()) / transport.PPQ, state.paused);
}

function go(quarters) {
  const last = end(data.takes[state.take]);
  state.paused = Math.min(Math.max(quarters, 0), last);
  if (state.ready) {
    silence();
    Tone.getTransport().ticks = Math.round(state.paused * Tone.getTransport().PPQ);
  }
  show();
}

function silence() {
  Object.values(instruments).forEach((instrument) => instrument.releaseAll());
}

async function play() {
  await prepareSound();
  if (position() >= end(data.takes[state.take])) go(0);
  Tone.getTransport().bpm.value = Number($("tempo").value);
  Tone.getTransport().ticks = Math.round(state.paused * Tone.getTransport().PPQ);
  Tone.getTransport().start("+0.05");
  state.playing = true;
  $("play").textContent = "Pause";
  requestAnimationFrame(show);
}

function pause() {
  state.paused = position();
  state.playing = false;
  Tone.getTransport().pause();
  silence();
  $("play").textContent = "Play";
  show();
}

function stop() {
  pause();
  go(0);
}

function toggle() {
  return state.playing ? pause() : play();
}

function setVolume() {
  const share = Number($("volume").value) / 100;
  Tone.getDestination().volume.value = share ? 20 * Math.log10(share) : -Infinity;
}

function setTempo() {
  const bpm = Number($("tempo").value);
  Tone.getTransport().bpm.value = bpm;
  $("bpm").textContent = `${bpm} bpm`;
  show();
}

// Controls

function clock(quarters) {
  const seconds = Math.floor(quarters * 60 / Number($("tempo").value));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function show() {
  const now = position(), take = data.takes[state.take], x = now * scale();
  $("cursor").style.transform = `translateX(${x}px)`;
  $("seek").value = now;
  $("time").textContent = `${clock(now)} of ${clock(end(take))}`;
  if (!state.playing) return;
  const view = $("scroller");
  if (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth * 0.9) {
    view.scrollLeft = x - view.clientWidth * 0.1;
  }
  requestAnimationFrame(show);
}

function choose(index) {
  const playing = state.playing;
  if (playing) pause();
  state.take = index;
  const take = data.takes[index];
  [...$("takes").children].forEach((b, n) => b.setAttribute("aria-pressed", n === index));
  $("seek").max = end(take);
  $("tempo").value = take.tempo;
  $("unit").replaceChildren(...take.inside.map((unit, n) => new Option(unit.name, n)));
  state.unit = Math.min(state.unit, Math.max(take.inside.length - 1, 0));
  $("unit").value = state.unit;
  showFigures(take);
  if (state.ready) schedule();
  setTempo();
  drawRoll();
  go(0);
  if (playing) play();
}

function showFigures(take) {
  $("figures-panel").hidden = !take.figures.length;
  $("figures").replaceChildren(...take.figures.map((figure) => {
    const row = document.createElement("tr");
    row.className = figure.value < figure.low || figure.value > figure.high ? "outside" : "";
    const cells = [figure.label, figure.value.toFixed(2), figure.median.toFixed(2),
      `${figure.low.toFixed(2)}–${figure.high.toFixed(2)}`];
    row.append(...cells.map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    const unit = document.createElement("small");
    unit.textContent = ` ${figure.unit}`;
    row.firstChild.append(unit);
    return row;
  }));
  $("source").textContent = take.source;
}

function card(take, index) {
  const button = document.createElement("button"), canvas = document.createElement("canvas");
  button.type = "button";
  const small = document.createElement("small");
  small.textContent = take.about;
  button.append(canvas, take.label, small);
  button.addEventListener("click", () => choose(index));
  $("takes").append(button);
  drawNotes(prepare(canvas, 150, 48), take, 150, 48, false);
  canvas.style.width = "100%";
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const form = event.target.closest("button, input, select");
  const bar = data.takes[state.take].metre[0] * 4 / data.takes[state.take].metre[1];
  if (event.key === " " && !(form && form.tagName !== "INPUT")) toggle();
  else if (form) return;
  else if (event.key === "ArrowLeft") go(position() - bar);
  else if (event.key === "ArrowRight") go(position() + bar);
  else if (/^[1-9]$/.test(event.key) && data.takes[event.key - 1]) choose(event.key - 1);
  else return;
  event.preventDefault();
}

$("about").textContent = data.about;
data.takes.forEach(card);
$("takes").hidden = data.takes.length < 2;
$("play").addEventListener("click", toggle);
$("seek").addEventListener("input", (event) => go(Number(event.target.value)));
$("tempo").addEventListener("input", setTempo);
$("volume").addEventListener("input", setVolume);
$("unit").addEventListener("change", (event) => {
  state.unit = Number(event.target.value);
  drawInside();
});
$("stage").addEventListener("click", (event) => {
  go((event.clientX - $("stage").getBoundingClientRect().left) / scale());
});
document.addEventListener("keydown", key);
window.addEventListener("resize", () => { drawRoll(); show(); });
drawLoss();
choose(0);

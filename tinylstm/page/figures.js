/* The figures beside human pieces, which follow the piece as it grows, and the loss of training. */

import { $, css, make, svg } from "./dom.js";
import { player } from "./player.js";
import { statistics } from "./statistics.js";

/** @import { Figure } from "./types" */

/** @param {any} data of the page */
export function showFigures(data) {
  const { piece } = player;
  if (!piece) return;
  const { figures } = piece.take;
  const own = piece.notes.length && !Object.keys(figures).length
    ? statistics(piece.notes, piece.ids, data.scales, data.cycle) : figures;
  const human = data.figures.some((/** @type {Figure} */ figure) => figure.median !== null);
  $("figures-title").textContent = human ? "Compared with human pieces" : "Figures";
  document.querySelectorAll("#figures-panel th.human").forEach((cell) => {
    /** @type {HTMLElement} */ (cell).hidden = !human;
  });
  $("figures").replaceChildren(...data.figures.map((/** @type {Figure} */ figure) =>
    figureRow(figure, own[figure.name], human)));
  $("source").textContent = piece.take.source;
}

/** @param {Figure} figure @param {number | undefined} value @param {boolean} human */
function figureRow({ label, unit, low, median, high }, value, human) {
  const shown = (/** @type {number | null | undefined} */ v) => v?.toFixed(2) ?? "–";
  const outside = value !== undefined && low !== null && high !== null
    && (value < low || value > high);
  const name = make("th", { scope: "row" }, label, make("small", {}, ` ${unit}`));
  const cells = [shown(value), ...human ? [shown(median), `${shown(low)}–${shown(high)}`] : []];
  const row = make("tr", { className: outside ? "outside" : "" }, name);
  row.append(...cells.map((text) => make("td", { textContent: text })));
  return row;
}

/** @param {Record<string, number>[]} history @param {Record<string, number>} baselines */
export function drawLoss(history, baselines) {
  if (!history.length) return;
  $("loss-panel").hidden = false;
  const lines = [["loss", "training", "--note"], ["val_loss", "validation", "--accent"]]
    .filter(([key]) => key in history[0]);
  const marks = Object.entries(baselines);
  const all = [...lines.flatMap(([key]) => history.map((row) => row[key])),
    ...marks.map((mark) => mark[1])];
  const low = Math.min(...all) - 0.1, high = Math.max(...all) + 0.1, W = 460, H = 240;
  const x = (/** @type {number} */ n) => 40 + n / Math.max(history.length - 1, 1) * (W - 130);
  const y = (/** @type {number} */ value) => 10 + (high - value) / (high - low) * (H - 40);
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label":
    `Loss per epoch, down to ${lines.map(([key, name]) =>
      `${history[history.length - 1][key].toFixed(2)} in ${name}`).join(" and ")}` });
  const labels = /** @type {[number, string, string][]} */ ([]);
  picture.append(svg("path", { d: `M40 10V${H - 30}H${W - 90}`, fill: "none",
    stroke: css("--line") }));
  for (const value of [low, (low + high) / 2, high]) {
    picture.append(svg("text", { x: 36, y: y(value) + 4, "text-anchor": "end" },
      value.toFixed(2)));
  }
  for (const [name, value] of marks) {
    picture.append(svg("path", { d: `M40 ${y(value)}H${W - 90}`, stroke: css("--soft"),
      "stroke-dasharray": "4 4" }));
    labels.push([y(value), name, "--soft"]);
  }
  for (const [key, name, colour] of lines) {
    const path = history.map((row, n) => `${n ? "L" : "M"}${x(n)} ${y(row[key])}`).join("");
    picture.append(svg("path", { d: path, fill: "none", stroke: css(colour), "stroke-width": 2 }));
    labels.push([y(history[history.length - 1][key]), name, colour]);
  }
  picture.append(...apartLabels(labels, W - 84));
  picture.append(svg("text", { x: 40, y: H - 10 }, "epoch 1"),
    svg("text", { x: W - 90, y: H - 10, "text-anchor": "end" }, `${history.length}`));
  $("loss").replaceChildren(picture);
}

/** Names at the right end of their lines; those that would overlap are moved down.
 * @param {[number, string, string][]} labels height, name, colour @param {number} x */
function apartLabels(labels, x) {
  let free = 0;
  return labels.sort((a, b) => a[0] - b[0]).map(([place, name, colour]) => {
    free = Math.max(free, place) + 13;
    const label = svg("text", { x, y: free - 9 }, name);
    label.style.fill = css(colour);
    return label;
  });
}

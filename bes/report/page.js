"use strict";

// Tables: a button in each heading of a table of class `sortable` sorts its rows.

// Cells without a figure stay at the end, whichever way the others are sorted.
function compare(a, b, direction) {
  const missing = (value) => value === "" || value === "—";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const difference = Number(a) - Number(b);
  return direction * (Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference);
}

function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent.trim();
}

// On a telephone, where a row is a block, each cell says what it is.
for (const table of document.querySelectorAll("table:has(thead)")) {
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  if (heads.length < 3) continue;
  for (const cell of table.querySelectorAll("td")) cell.dataset.head = heads[cell.cellIndex];
}

// What scrolls sideways can be reached by the keyboard.
function reach() {
  for (const part of document.querySelectorAll(".scroll, nav, fieldset")) {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}
addEventListener("resize", reach);

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(valueOf(a, column), valueOf(b, column), ascending ? 1 : -1));
      table.tBodies[0].append(...rows);
    });
  });
}

// Gallery: a card for each photograph; the pictures of its stages lie in a folder each.

const PHOTOGRAPH = "photographs";
const { panels, photographs } = JSON.parse(document.getElementById("data").textContent);
const names = { [PHOTOGRAPH]: "photograph", ...panels };
const $ = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function picture(panel, id) {
  return `pictures/${panel}/${encodeURIComponent(id)}.webp`;
}

// `loading` goes before `src`: a picture starts to load as soon as it has an address.
function image(panel, id) {
  return element("img", { loading: "lazy", decoding: "async", alt: "", src: picture(panel, id) });
}

// Lays the picture of a stage over the photograph; of one that has none, the photograph is left.
function lay(layers, photograph, panel) {
  layers.querySelector(".over")?.remove();
  if (photograph.panels.includes(panel)) {
    const over = image(panel, photograph.id);
    over.className = "over";
    layers.append(over);
  }
}

function layersOf(photograph, panel) {
  const layers = element("span", { className: "layers" }, image(PHOTOGRAPH, photograph.id));
  lay(layers, photograph, panel);
  return layers;
}

function scoreOf(photograph, name) {
  return name ? photograph.iou[name] ?? null : photograph.miou;
}

function wordsFor(photograph, name) {
  const score = scoreOf(photograph, name);
  const words = score === null ? [] : [`${name ? "IoU" : "mIoU"} ${score.toFixed(1)} %`];
  if (photograph.rank !== undefined) words.push(`number ${photograph.rank} to look at`);
  return words.join(", ");
}

function cardOf(photograph) {
  const layers = layersOf(photograph, "");
  const open = element("button", { type: "button" }, layers);
  open.setAttribute("aria-label", `All stages of ${photograph.id}`);
  open.addEventListener("click", () => view(photograph));
  const select = element("select");
  select.setAttribute("aria-label", `Stage of ${photograph.id}`);
  for (const panel of [PHOTOGRAPH, ...photograph.panels]) select.append(new Option(names[panel], panel));
  select.addEventListener("change", () => lay(layers, photograph, select.value));
  const score = element("span", { className: "figure" });
  const caption = element(
    "figcaption", {},
    element("strong", { textContent: photograph.id }), score,
    element("span", { className: "labels", textContent: photograph.labels.join(", ") || "no class" }),
    ...(photograph.reason ? [element("span", { className: "labels", textContent: photograph.reason })] : []),
    select,
  );
  const card = element("figure", { className: "card" }, open, caption);
  return { photograph, card, layers, select, score };
}

const cards = photographs.map(cardOf);
let shown = cards;

function switchStage(panel) {
  for (const { photograph, layers, select } of cards) {
    select.value = photograph.panels.includes(panel) ? panel : PHOTOGRAPH;
    lay(layers, photograph, panel);
  }
  for (const legend of document.querySelectorAll("[data-legend]")) {
    legend.hidden = !legend.dataset.legend.split(" ").includes(panel);
  }
}

function arrange() {
  const [name, split, order] = [$("class").value, $("split").value, $("order").value];
  const part = $("search").value.trim().toLowerCase();
  shown = cards.filter(({ photograph }) =>
    (!name || photograph.labels.includes(name)) &&
    (!split || photograph.split === split) &&
    photograph.id.toLowerCase().includes(part));
  const [key, direction] = { lowest: ["iou", 1], highest: ["iou", -1], doubtful: ["rank", 1], trusted: ["rank", -1] }[order] ?? [];
  const value = ({ photograph }) => (key === "iou" ? scoreOf(photograph, name) : photograph.rank) ?? "";
  if (key) shown = [...shown].sort((a, b) => compare(value(a), value(b), direction));
  for (const { photograph, score } of shown) score.textContent = wordsFor(photograph, name);
  $("cards").replaceChildren(...shown.map(({ card }) => card));
  $("count").textContent = `${shown.length} of ${cards.length} photographs`;
}

function offer(select, values) {
  for (const [value, words] of values) select.append(new Option(words, value));
}

for (const panel of Object.keys(names)) {
  const radio = element("input", { type: "radio", name: "stage", value: panel });
  radio.addEventListener("change", () => switchStage(panel));
  $("stages").append(element("label", {}, radio, names[panel]));
}
const labels = [...new Set(photographs.flatMap((photograph) => photograph.labels))].sort();
offer($("class"), labels.map((label) => [label, label]));
const splits = [...new Set(photographs.map((photograph) => photograph.split))];
offer($("split"), splits.map((split) => [split, split]));
$("split-label").hidden = splits.length < 2;
if (photographs.some((photograph) => photograph.miou !== null)) {
  offer($("order"), [["lowest", "lowest IoU first"], ["highest", "highest IoU first"]]);
}
if (photographs.some((photograph) => photograph.rank !== undefined)) {
  offer($("order"), [["doubtful", "least trusted first"], ["trusted", "most trusted first"]]);
  $("order").value = "doubtful";
}
for (const id of ["class", "split", "order", "search"]) $(id).addEventListener("input", arrange);

const sliders = document.querySelectorAll(".opacity");
for (const slider of sliders) {
  slider.addEventListener("input", () => {
    document.documentElement.style.setProperty("--opacity", slider.value / 100);
    for (const other of sliders) other.value = slider.value;
  });
}

const first = document.querySelector("[name=stage][value=pseudo_labels]") ?? document.querySelector("[name=stage]");
first.checked = true;
switchStage(first.value);
arrange();

// Viewer: all stages of one photograph side by side; the arrow keys go through the gallery.

const viewer = $("viewer");
let viewed = null;

function view(photograph) {
  viewed = photograph;
  $("viewer-name").textContent = photograph.id;
  $("viewer-facts").textContent = [
    photograph.labels.join(", ") || "no class",
    `${photograph.width} × ${photograph.height}`,
    wordsFor(photograph, ""),
    photograph.reason ?? "",
  ].filter(Boolean).join(" · ");
  $("viewer-panels").replaceChildren(...[PHOTOGRAPH, ...photograph.panels].map((panel) => {
    const layers = layersOf(photograph, panel);
    layers.style.aspectRatio = `${photograph.width} / ${photograph.height}`;
    return element("figure", {}, layers, element("figcaption", { textContent: names[panel] }));
  }));
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  const at = shown.findIndex(({ photograph }) => photograph === viewed);
  const next = shown[at + by] ?? (at < 0 ? shown[0] : null);
  if (next) view(next.photograph);
}

$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
viewer.addEventListener("keydown", (event) => {
  if (event.target.type === "range") return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

const byId = new Map(photographs.map((photograph) => [photograph.id, photograph]));
for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => view(byId.get(button.dataset.open)));
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => {
    $("copied").replaceChildren(element("code", { textContent: button.dataset.copy }));
    navigator.clipboard?.writeText(button.dataset.copy).catch(() => {});
  });
}
reach();

// What is folded away is printed.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));

"use strict";

// Okabe and Ito's colours, which colour-blind people tell apart too.
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
const BACKGROUND = "background";
const VOID = 255;
const HINTS = {
  scribble: "Draw a line on the class, or on what is background. It spreads up to the boundaries.",
  brush: "Paints just what it covers.",
  eraser: "Paints background.",
  polygon: "Click the corners; a double click or C closes it.",
};
const EARLIER = "accepted an earlier label";

const $ = (id) => document.getElementById(id);
const [mask, drawing] = [$("mask"), $("drawing")];

let review = null;
let at = 0;
let state = null; // what the server says of the photograph: revision, verdict, strokes, label
let label = null; // a byte for each pixel
let chosen; // the name of a class, the background, or null
let zoom = 1;
const past = []; // what to go back to: photograph, verdict, strokes

// The server

async function ask(path, content) {
  const answer = await fetch(path, content === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const value = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(value.error), { status: answer.status });
  return value;
}

function say(sentence, error = false) {
  $("message").textContent = sentence;
  $("message").classList.toggle("error", error);
}

function complain(error) {
  say(error instanceof TypeError ? "The server does not answer: is `bes review` still running?" : error.message, true);
}

function take(answer) {
  state = answer;
  label = Uint8Array.from(atob(answer.label), (c) => c.charCodeAt(0));
  review.photographs[at].verdict = answer.verdict;
}

// Changes are sent one after the other. Of those that wait for the same photograph, the last one
// holds all the others.
let waiting = null;
let sending = null;

function change(verdict, strokes, { undoing = false } = {}) {
  if (!undoing) past.push({ at, verdict: waiting?.verdict ?? state.verdict, strokes: shownStrokes() });
  waiting = { verdict, strokes, undo: undoing };
  drawStrokes();
  sending ??= send().finally(() => { sending = null; });
  return sending;
}

async function send() {
  while (waiting) {
    const { verdict, strokes, undo } = waiting;
    say("Working …");
    document.body.setAttribute("aria-busy", "true");
    try {
      take(await ask(`photographs/${at}`, { revision: state.revision, verdict, strokes, undo }));
      if (waiting.strokes === strokes && waiting.verdict === verdict) waiting = null;
      say(`Saved: ${inWords(state.verdict)}.`);
    } catch (error) {
      waiting = null;
      // What there is to go back to may be older than what somebody else did.
      past.splice(0, past.length, ...past.filter((one) => one.at !== at));
      if (error.status) await ask(`photographs/${at}`).then(take, () => {});
      complain(error);
    }
    document.body.removeAttribute("aria-busy");
    showAll();
  }
}

const shownStrokes = () => waiting?.strokes ?? state.strokes;

// What is shown

const inWords = (verdict) => verdict || "not looked at";
const photograph = () => review.photographs[at];
const factor = () => photograph().width / state.width;

function labelsHere() {
  const taken = new Map();
  for (const name of photograph().labels) {
    const index = review.classes.indexOf(name);
    let colour = index % COLOURS.length;
    while ([...taken.values()].includes(COLOURS[colour]) && taken.size < COLOURS.length) colour = (colour + 1) % COLOURS.length;
    taken.set(name, COLOURS[colour]);
  }
  return taken;
}

const colourOf = (name) => (name === null ? "#888888" : labelsHere().get(name) ?? "#ffffff");

function showClasses() {
  const names = [BACKGROUND, ...photograph().labels, null];
  if (!names.includes(chosen)) chosen = photograph().labels[0] ?? BACKGROUND;
  $("classes").replaceChildren(...names.map((name, number) => {
    const row = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "class", checked: name === chosen });
    radio.addEventListener("change", () => { chosen = name; });
    const swatch = Object.assign(document.createElement("span"), { className: name === null ? "swatch void" : "swatch" });
    if (name !== null && name !== BACKGROUND) swatch.style.background = colourOf(name);
    const words = Object.assign(document.createElement("span"), { textContent: name ?? "not counted" });
    const key = Object.assign(document.createElement("kbd"), { className: "key", textContent: name === null ? "V" : number });
    row.append(radio, swatch, words, ...(number < 10 || name === null ? [key] : []));
    return row;
  }));
}

function choose(name) {
  if (![BACKGROUND, ...photograph().labels, null].includes(name)) return;
  chosen = name;
  showClasses();
}

function showMask() {
  const { width, height } = state;
  // Written pixel by pixel, which a graphics card is no help with.
  const context = mask.getContext("2d", { willReadFrequently: true });
  const image = context.createImageData(width, height);
  const colours = new Uint32Array(256);
  for (const [name, colour] of labelsHere()) colours[review.classes.indexOf(name) + 1] = parseInt(colour.slice(1), 16);
  const alpha = Math.round(255 * $("opacity").value / 100);
  const data = image.data;
  for (let i = 0; i < label.length; i++) {
    const value = label[i];
    const edge = value !== label[i + width] || (value !== label[i + 1] && (i + 1) % width);
    if (!value && !edge) continue;
    const shown = value || label[i + width] || label[i + 1] || 0;
    const stripe = shown === VOID && (i % width + Math.floor(i / width)) % 8 < 4;
    const colour = shown === VOID ? (stripe ? 0x777777 : 0xdddddd) : colours[shown];
    data[4 * i] = colour >> 16;
    data[4 * i + 1] = (colour >> 8) & 255;
    data[4 * i + 2] = colour & 255;
    data[4 * i + 3] = edge && i + width < label.length ? 255 : value ? alpha : 0;
  }
  context.putImageData(image, 0, 0);
  mask.hidden = !$("show-mask").checked;
}

function line(context, { tool, label: name, width, points }) {
  const scale = 1 / factor();
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x * scale, y * scale));
  if (points.length === 1) context.lineTo(points[0][0] * scale + 0.01, points[0][1] * scale);
  context.lineCap = context.lineJoin = "round";
  const thick = tool === "polygon" ? 2 : Math.max(width * scale, 1);
  // An edge in the other shade, so that a line is seen on any photograph.
  for (const [colour, more] of [["#000000", 2], [colourOf(name), 0]]) {
    context.strokeStyle = colour;
    context.lineWidth = thick + more;
    context.stroke();
  }
}

function drawStrokes() {
  const context = drawing.getContext("2d");
  context.clearRect(0, 0, drawing.width, drawing.height);
  const scribbles = shownStrokes().filter(({ tool }) => tool === "scribble");
  if ($("show-mask").checked) scribbles.forEach((stroke) => line(context, stroke));
  // What is not in the label yet.
  shownStrokes().slice(state.strokes.length).forEach((stroke) => line(context, stroke));
  if (pen) line(context, pen);
  if (cross && document.activeElement === drawing) {
    const [x, y] = cross.map((value) => value / factor());
    context.lineWidth = 1;
    for (const [colour, by] of [["#000000", 1], ["#ffffff", 0]]) {
      context.strokeStyle = colour;
      context.strokeRect(x - 3 - by, y - 3 - by, 6 + 2 * by, 6 + 2 * by);
    }
  }
}

function fit() {
  if (!state) return;
  const stage = $("stage");
  const room = innerWidth > 800 ? innerHeight - stage.getBoundingClientRect().top - 90 : innerHeight * 0.55;
  const scale = Math.min(stage.clientWidth / state.width, Math.max(room, 200) / state.height);
  $("layers").style.width = `${Math.floor(state.width * scale * zoom)}px`;
  $("layers").style.height = `${Math.floor(state.height * scale * zoom)}px`;
}

function showAll() {
  const { id, labels, reason } = photograph();
  $("name").textContent = id;
  document.title = `${id}: review`;
  $("facts").textContent = [labels.join(", ") || "no class", reason, inWords(state.verdict)].filter(Boolean).join(" · ");
  const counts = (verdict) => review.photographs.filter((one) => one.verdict === verdict).length;
  const seen = review.photographs.length - counts("") - counts(EARLIER);
  $("progress").textContent = `${at + 1} of ${review.photographs.length}, the least trusted first · ${seen} looked at: ${counts("accepted")} accepted, ${counts("rejected")} rejected, ${counts("corrected")} corrected${counts(EARLIER) ? `; to look at again: ${counts(EARLIER)} ${EARLIER}` : ""}`;
  $("rank").value = at + 1;
  $("accept").setAttribute("aria-pressed", ["accepted", "corrected"].includes(state.verdict));
  $("reject").setAttribute("aria-pressed", state.verdict === "rejected");
  $("undo").disabled = !past.length;
  showClasses();
  showMask();
  drawStrokes();
}

async function go(to) {
  await sending;
  if (to < 0 || to >= review.photographs.length) return;
  try {
    const answer = await ask(`photographs/${to}`);
    at = to;
    take(answer);
  } catch (error) {
    complain(error);
    return;
  }
  pen = cross = null;
  for (const canvas of [mask, drawing]) Object.assign(canvas, { width: state.width, height: state.height });
  $("photograph").src = `photographs/${at}/photograph.jpg`;
  $("photograph").alt = `Photograph ${photograph().id}`;
  showBoundary();
  fit();
  say(state.anew ? "The maps have changed since: the strokes were solved anew. Accept to save." : "");
  history.replaceState(null, "", `#${at + 1}`);
  showAll();
  fit();
}

function showBoundary() {
  const shown = $("show-boundary").checked;
  $("boundary").hidden = !shown;
  if (shown) $("boundary").src = `photographs/${at}/boundary.png`;
}

// Steps from photograph to photograph, and verdicts. One at a time: a key that is pressed meanwhile
// would be a verdict on a photograph that nobody has seen yet.

let acting = false;

async function act(what) {
  if (acting || !state) return;
  acting = true;
  try {
    await what();
  } finally {
    acting = false;
  }
}

function other(by, wanted = $("filter").value) {
  for (let to = at + by; to >= 0 && to < review.photographs.length; to += by) {
    if (wanted === "all" || review.photographs[to].verdict === wanted) return to;
  }
  return -1;
}

function step(by) {
  const to = other(by);
  if (to < 0) say(`No ${by > 0 ? "further" : "earlier"} photograph${$("filter").value === "all" ? "" : " of these"}.`);
  return go(to);
}

async function judge(verdict) {
  await change(verdict, shownStrokes());
  if (state.verdict === "" || $("message").classList.contains("error")) return;
  const to = other(1);
  if (to >= 0) await go(to);
  else say(`Saved: ${inWords(state.verdict)}. This was the last one.`);
}

async function undo() {
  if (pen) {
    pen = null;
    drawStrokes();
    return;
  }
  await sending;
  const before = past.pop();
  if (!before) return;
  if (before.at !== at) await go(before.at);
  await change(before.verdict, before.strokes, { undoing: true });
  say("Undone.");
}

// Drawing

let pen = null; // the stroke at hand
let cross = null; // where the keyboard draws

const tool = () => document.querySelector("[name=tool]:checked").value;

function place(event) {
  const { left, top, width, height } = drawing.getBoundingClientRect();
  return [
    (event.clientX - left) / width * photograph().width,
    (event.clientY - top) / height * photograph().height,
  ];
}

function begin(point) {
  const name = tool() === "eraser" ? BACKGROUND : chosen;
  if (tool() === "scribble" && name === null) {
    say("What is not counted cannot spread: take the brush or the polygon for it.", true);
    return;
  }
  // At full size, so that the line has the same width on the screen whatever the photograph has.
  pen = { tool: tool() === "eraser" ? "brush" : tool(), label: name, width: $("width").value * factor(), points: [point] };
}

function end() {
  if (!pen) return;
  const stroke = pen;
  pen = null;
  if (stroke.tool === "polygon" && stroke.points.length < 3) {
    drawStrokes();
    return;
  }
  stroke.points = stroke.points.map((point) => point.map((value) => Math.round(value * 10) / 10));
  change("corrected", [...shownStrokes(), stroke]);
}

drawing.addEventListener("pointerdown", (event) => {
  if (event.button || !state || acting) return;
  drawing.setPointerCapture(event.pointerId);
  if (pen?.tool === "polygon") pen.points.push(place(event));
  else begin(place(event));
  drawStrokes();
});
drawing.addEventListener("pointermove", (event) => {
  if (!pen || pen.tool === "polygon" || !event.buttons) return;
  pen.points.push(...(event.getCoalescedEvents?.() ?? [event]).map(place));
  drawStrokes();
});
drawing.addEventListener("pointerup", () => { if (pen && pen.tool !== "polygon") end(); });
drawing.addEventListener("pointercancel", () => { if (pen && pen.tool !== "polygon") { pen = null; drawStrokes(); } });
drawing.addEventListener("dblclick", () => { if (pen?.tool === "polygon") end(); });
for (const name of ["focus", "blur"]) drawing.addEventListener(name, () => state && drawStrokes());

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

drawing.addEventListener("keydown", (event) => {
  const { width, height } = photograph();
  cross ??= [width / 2, height / 2];
  const by = (event.shiftKey ? 1 : 10) * factor();
  if (event.key in ARROWS) {
    const to = ARROWS[event.key].map((sign, axis) => cross[axis] + sign * by);
    cross = [Math.min(Math.max(to[0], 0), width), Math.min(Math.max(to[1], 0), height)];
    if (pen && pen.tool !== "polygon") pen.points.push([...cross]);
  } else if (event.key === "Enter") {
    if (pen?.tool === "polygon") pen.points.push([...cross]);
    else if (pen) end();
    else if (!acting) begin([...cross]);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  drawStrokes();
});

// Controls

function pick(name) {
  document.querySelector(`[name=tool][value=${name}]`).checked = true;
  showTool();
}

function showTool() {
  pen = null;
  $("hint").textContent = HINTS[tool()];
  if (state) drawStrokes();
}

function showWidth() {
  $("width-value").textContent = $("width").value;
}

function widen(by) {
  $("width").value = Number($("width").value) + by;
  showWidth();
}

function enlarge(by) {
  zoom = Math.min(Math.max(zoom * by, 1), 8);
  fit();
}

function flip(id) {
  $(id).checked = !$(id).checked;
  $(id).dispatchEvent(new Event("change"));
}

async function showEnd() {
  try {
    const { counts, keys, command } = await ask("end");
    $("counts").textContent = Object.entries(counts).map(([verdict, count]) => `${count} ${verdict}`).join(", ") || "No verdict yet.";
    $("lacking").hidden = !keys;
    $("lines").textContent = keys;
    $("command").textContent = command;
    $("end").showModal();
  } catch (error) {
    complain(error);
  }
}

const KEYS = {
  a: () => act(() => judge("accepted")),
  r: () => act(() => judge("rejected")),
  n: () => act(() => step(1)),
  p: () => act(() => step(-1)),
  ArrowRight: () => act(() => step(1)),
  ArrowLeft: () => act(() => step(-1)),
  u: () => act(undo),
  s: () => pick("scribble"),
  b: () => pick("brush"),
  e: () => pick("eraser"),
  g: () => pick("polygon"),
  v: () => choose(null),
  m: () => flip("show-mask"),
  o: () => flip("show-boundary"),
  c: () => pen?.tool === "polygon" && end(),
  Escape: () => { pen = null; drawStrokes(); },
  "[": () => widen(-2),
  "]": () => widen(2),
  "+": () => enlarge(1.5),
  "-": () => enlarge(1 / 1.5),
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (!state || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    act(undo);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest?.("input, select");
  const typed = field && (field.type !== "checkbox" && field.type !== "radio" && field.type !== "range");
  if (typed || (field && event.key.startsWith("Arrow"))) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^\d$/.test(key)) choose([BACKGROUND, ...photograph().labels][key]);
  else if (KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
});

const CLICKS = {
  previous: () => act(() => step(-1)),
  next: () => act(() => step(1)),
  undo: () => act(undo),
  accept: () => act(() => judge("accepted")),
  reject: () => act(() => judge("rejected")),
  smaller: () => enlarge(1 / 1.5),
  larger: () => enlarge(1.5),
  "help-button": () => $("help").showModal(),
  "end-button": showEnd,
  stop: async () => {
    await sending;
    await ask("end", {}).catch(complain);
    $("end").close();
    state = null;
    say("The review has ended. You may close this page.");
    for (const button of document.querySelectorAll("button, input, select")) button.disabled = true;
  },
};
for (const [id, act] of Object.entries(CLICKS)) $(id).addEventListener("click", act);
for (const radio of document.querySelectorAll("[name=tool]")) radio.addEventListener("change", showTool);
$("width").addEventListener("input", showWidth);
$("opacity").addEventListener("input", () => state && showMask());
$("show-mask").addEventListener("change", () => { if (state) { showMask(); drawStrokes(); } });
$("show-boundary").addEventListener("change", () => state && showBoundary());
$("rank").addEventListener("change", () => act(() => go(Number($("rank").value) - 1)));
$("panel").addEventListener("submit", (event) => event.preventDefault());
addEventListener("resize", fit);

showTool();
showWidth();
try {
  review = await ask("review");
  if (review.photographs.length) await go(Math.min(Math.max(Number(location.hash.slice(1)) || 1, 1), review.photographs.length) - 1);
  else say("There is no photograph to look at.");
} catch (error) {
  complain(error);
}

// The live page: figures of all watched codes, drawn when they change.
// Texts from elsewhere are set as text alone, and what would not be drawn in them is shown as \u{…}.
import { words } from "./words.js";

const CURRENCIES = { HK: "HKD", HK_FUTURE: "HKD", US: "USD", SH: "CNY", SZ: "CNY", SG: "SGD", JP: "JPY",
  AU: "AUD", MY: "MYR", CA: "CAD" };
const SIZES = ["super", "big", "mid", "small"];
const MARKED = 2500; // ms for which a change is marked
const SILENT = 40000; // ms without an event after which the server counts as lost: it pings every 15 s
const SESSION = 6 * 3600; // s between two points after which a curve begins anew
const MOST_POINTS = 500;

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("[data-sort]")];
const rows = new Map();
const settings = {
  language: navigator.language.startsWith("zh") ? "zh" : "en", theme: "auto", colors: "", sort: "main_ratio",
  descending: true, ...stored(),
};
let watched = { every: 60 }, status = null, lostSince = null, heard = Date.now(), offset = 0, source, retry, frame;

function stored() {
  try { return JSON.parse(localStorage.getItem("aiocapdist")) ?? {}; } catch { return {}; }
}
function store() {
  try { localStorage.setItem("aiocapdist", JSON.stringify(settings)); } catch { /* private window */ }
}

// ---- words and numbers

const word = (name, filled = {}) =>
  words[settings.language][name].replace(/\{(\w+)\}/g, (_, key) => filled[key]);
const clean = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
  (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
let amount, ratio, clock;
function setFormats() {
  const locale = navigator.languages.find((one) => one.startsWith(settings.language))
    ?? { zh: "zh-CN", en: "en" }[settings.language];
  const compact = { notation: "compact", maximumSignificantDigits: 4 };
  amount = {
    signed: new Intl.NumberFormat(locale, { ...compact, signDisplay: "exceptZero" }),
    plain: new Intl.NumberFormat(locale, compact),
  };
  ratio = new Intl.NumberFormat(locale, { style: "percent", signDisplay: "exceptZero",
    minimumFractionDigits: 2, maximumFractionDigits: 2 });
  clock = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });
}
const signed = (value) => value == null ? "–" : amount.signed.format(value);
const direction = (value) => value > 0 ? "up" : value < 0 ? "down" : "";
function shortAge(seconds) {
  const [unit, size] = word2("units").find(([, one]) => seconds >= one) ?? word2("units").at(-1);
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}
const word2 = (name) => words[settings.language][name];
const serverNow = () => Date.now() + offset;

// ---- drawing

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}
function sampled(points, most) {
  const step = Math.ceil(points.length / most);
  return points.filter((_, n) => n % step === 0 || n === points.length - 1);
}
function drawCurve(svg, points, width, height) {
  const [line, axis] = svg.children;
  const values = points.map(([, value]) => value);
  const low = Math.min(0, ...values), high = Math.max(0, ...values);
  const first = points[0]?.[0] ?? 0, span = (points.at(-1)?.[0] ?? 1) - first || 1;
  const y = (value) => height - 1 - (height - 2) * (value - low) / (high - low || 1);
  const at = sampled(points, width / 2).map(([time, value]) => `${(width * (time - first) / span).toFixed(1)},${y(value).toFixed(1)}`);
  setAttribute(line, "points", at.join(" "));
  for (const end of ["y1", "y2"]) setAttribute(axis, end, y(0).toFixed(1));
  setAttribute(svg, "class", `curve ${direction(values.at(-1) ?? 0)}`);
  setAttribute(svg, "aria-label", values.length
    ? word("curve_said", { first: signed(values[0]), last: signed(values.at(-1)) }) : word("waiting"));
}
function makeCurve(width, height) {
  return makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
    makeSvg("polyline"), makeSvg("line", { class: "axis", x1: 0, x2: width }));
}

// Pictures are drawn where they can be seen: of 200 rows that is a tenth.
const visible = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.row.isVisible = isIntersecting;
    if (isIntersecting) target.row.drawPictures();
  }
}, { rootMargin: "200px" });

class Row {
  constructor(code) {
    this.code = code;
    this.points = [];
    this.key = clean(code);
    this.button = make("button", { type: "button", class: "code", "aria-expanded": "false" }, this.key);
    this.tag = make("span", { class: "tag" });
    this.cells = Object.fromEntries(["main_net", "main_ratio", "change", "bars-cell", "curve-cell", "age"].map(
      (name) => [name, make("td", { role: "cell", class: name.endsWith("cell") ? `wide ${name}` : name })]));
    this.cells.main_ratio.append("–");
    this.cells.change.append("–");
    this.net = make("span", {}, "–");
    this.unit = make("span", { class: "unit" });
    this.cells.main_net.append(this.net, this.unit);
    this.bars = makeSvg("svg", { viewBox: "0 0 200 20", preserveAspectRatio: "none", role: "img", class: "bars" });
    this.rects = ["out", "in"].map((side) => SIZES.map((_, n) => makeSvg("rect", { class: `${side} size-${n}`,
      y: 2, height: 16 })));
    this.bars.append(...this.rects.flat(), makeSvg("line", { class: "axis", x1: 100, x2: 100, y1: 0, y2: 20 }));
    this.cells["bars-cell"].append(this.bars);
    this.curve = makeCurve(160, 28);
    this.cells["curve-cell"].append(this.curve);
    this.head = make("th", { role: "rowheader", scope: "row" }, this.button, this.tag);
    this.line = make("tr", { role: "row" }, this.head, ...Object.values(this.cells));
    this.line.dataset.code = this.key;
    this.line.row = this;
    this.isVisible = false;
    visible.observe(this.line);
    this.button.addEventListener("click", () => this.toggle());
    this.button.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.details) this.toggle();
    });
  }

  take(record) {
    this.error = record.error ?? null;
    if (!this.error) {
      const isNews = this.figures !== undefined && record.updated_at !== this.figures.updated_at;
      this.figures = record;
      this.at = Date.parse(record.updated_at ?? record.seen_at);
      this.add([this.at / 1000, record.main_net]);
      if (isNews) this.mark();
    }
    this.touch();
  }
  add(point) {
    const last = this.points.at(-1)?.[0] ?? 0;
    if (point[0] - last > SESSION) this.points = [];
    if (point[0] > last) this.points.push(point);
    if (this.points.length > MOST_POINTS) this.points = this.points.filter((_, n) => n % 2 === 0 || n > MOST_POINTS - 2);
  }
  fill(points) {
    const last = points.at(-1)?.[0] ?? 0;
    const later = this.points.filter(([time]) => time > last);
    this.points = [...points, ...later];
    this.touch();
  }
  mark() {
    clearTimeout(this.marked);
    this.line.classList.add("changed");
    this.marked = setTimeout(() => this.line.classList.remove("changed"), MARKED);
  }
  touch() {
    this.isDirty = true;
    schedule();
  }
  get age() {
    return this.at === undefined ? null : (serverNow() - this.at) / 1000;
  }
  get currency() {
    return CURRENCIES[this.figures?.market] ?? "";
  }

  drawAge() {
    const { age } = this;
    const resting = status?.resting?.includes(this.code) ?? false;
    const late = Math.max(180, 3 * watched.every, 3 * (status?.round_time ?? 0));
    const old = age !== null && !resting && age > late;
    this.line.classList.toggle("old", old);
    this.line.classList.toggle("failing", this.error != null);
    setText(this.cells.age, age === null ? "–" : shortAge(age));
    const tag = this.error ? "failing" : this.figures === undefined ? "waiting" : resting ? "resting" : old ? "old" : "";
    if (this.tag.hidden !== !tag) this.tag.hidden = !tag; // setting it anew would be a mutation
    setText(this.tag, tag ? word(tag) : "");
  }
  draw() {
    this.isDirty = false;
    this.drawAge();
    const figures = this.figures;
    if (figures) {
      setText(this.net, signed(figures.main_net));
      setText(this.unit, this.currency);
      setText(this.cells.main_ratio, figures.main_ratio == null ? "–" : ratio.format(figures.main_ratio));
      setText(this.cells.change, signed(figures.main_net_change));
      this.net.className = direction(figures.main_net);
      this.cells.main_ratio.className = `main_ratio ${direction(figures.main_ratio)}`;
      this.cells.change.className = `change ${direction(figures.main_net_change)}`;
    }
    if (this.isVisible) this.drawPictures();
    if (this.details) this.drawDetails();
  }
  drawPictures() {
    drawCurve(this.curve, this.points, 160, 28);
    if (this.figures) this.drawBars(this.figures);
    else setAttribute(this.bars, "aria-label", word("waiting"));
  }
  drawBars(figures) {
    const scale = 98 / (Math.max(figures.capital_in, figures.capital_out) || 1);
    ["out", "in"].forEach((side, n) => {
      let from = 0;
      SIZES.forEach((size, m) => {
        const width = (figures[`capital_${side}_${size}`] ?? 0) * scale;
        setAttribute(this.rects[n][m], "width", width.toFixed(2));
        setAttribute(this.rects[n][m], "x", (n ? 100 + from : 100 - from - width).toFixed(2));
        from += width;
      });
    });
    setAttribute(this.bars, "aria-label", word("bars_said", {
      inflow: amount.plain.format(figures.capital_in), outflow: amount.plain.format(figures.capital_out) }));
  }

  toggle() {
    if (this.details) {
      this.details.remove();
      this.details = null;
    } else {
      this.large = makeCurve(600, 120);
      this.sizes = make("tbody");
      this.told = make("p");
      this.names = ["size", "inflow", "outflow", "net"].map(() => make("th", { scope: "col" }));
      const table = make("table", {}, make("thead", {}, make("tr", {}, ...this.names)), this.sizes);
      const id = `details-${[...rows.keys()].indexOf(this.code)}`;
      this.details = make("tr", { class: "details", role: "row", id },
        make("td", { role: "cell", colspan: "7" }, this.large, table, this.told));
      this.button.setAttribute("aria-controls", id);
      this.line.after(this.details);
      this.drawDetails();
    }
    this.button.setAttribute("aria-expanded", String(Boolean(this.details)));
  }
  drawDetails() {
    ["size", "inflow", "outflow", "net"].forEach((name, n) => setText(this.names[n], word(name)));
    drawCurve(this.large, this.points, 600, 120);
    const figures = this.figures;
    this.sizes.replaceChildren(...(figures ? SIZES : []).map((size, n) => make("tr", {},
      make("th", { scope: "row" }, word2("sizes")[n]),
      ...[figures[`capital_in_${size}`], figures[`capital_out_${size}`]].map(
        (value) => make("td", {}, value == null ? "–" : amount.plain.format(value))),
      make("td", { class: direction(figures[`net_${size}`]) }, signed(figures[`net_${size}`])))));
    const time = figures ? word("updated", { time: clock.format(this.at) }) : "";
    setText(this.told, this.error ? `${clean(this.error.message)} ${time}` : time);
  }
}

function schedule() {
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    for (const row of rows.values()) if (row.isDirty) row.draw();
    sortRows();
  });
}
function sortKey(row) {
  if (settings.sort === "code") return row.key;
  if (settings.sort === "age") return row.age;
  return row.figures?.[settings.sort] ?? null;
}
function compare(a, b) {
  const [one, other] = [sortKey(a), sortKey(b)];
  if (one === null || other === null) return (one === null) - (other === null) || a.key.localeCompare(b.key, "en");
  // Amounts of different currencies are not compared: each currency is ranked by itself.
  const isAmount = settings.sort === "main_net" || settings.sort === "main_net_change";
  const apart = isAmount ? a.currency.localeCompare(b.currency, "en") : 0;
  const order = typeof one === "string" ? one.localeCompare(other, "en") : one - other;
  return apart || (settings.descending ? -order : order) || a.key.localeCompare(b.key, "en");
}
function sortRows() {
  let place = body.firstChild;
  for (const row of [...rows.values()].sort(compare)) {
    if (place === row.line) {
      place = row.details ? row.details.nextSibling : row.line.nextSibling;
    } else {
      const focused = row.line.contains(document.activeElement) ? document.activeElement : null;
      body.insertBefore(row.line, place);
      if (row.details) body.insertBefore(row.details, place);
      focused?.focus({ preventScroll: true });
    }
  }
}
function drawHead() {
  root.lang = settings.language === "zh" ? "zh-CN" : "en";
  root.dataset.theme = settings.theme;
  root.dataset.colors = settings.colors || (settings.language === "zh" ? "red" : "green");
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) setText(element, word(element.dataset.word));
  for (const head of heads) {
    const cell = head.closest("th");
    if (head.dataset.sort === settings.sort) cell.setAttribute("aria-sort", settings.descending ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
  setText($("language"), word("language"));
  setText($("theme"), word2("theme")[settings.theme]);
  setText($("colors"), word2("colors")[root.dataset.colors]);
}
function drawStatus() {
  const state = lostSince === null ? status?.state ?? "opening" : "lost";
  $("connection").dataset.state = state;
  document.querySelector("main").classList.toggle("lost", state !== "ready" && rows.size > 0);
  setText($("state"), word(state));
  const reasons = [];
  if (state === "lost") reasons.push(word("silent", { time: clock.format(lostSince + offset) }));
  else if (status && !["ready", "opening"].includes(state)) reasons.push(word("away"), status.reason ?? "");
  if (status?.recording === false) reasons.push(word("not_recording"));
  $("notice").hidden = !reasons.length;
  setText($("notice"), clean(reasons.join(" ")));
  const quota = status?.quota;
  $("quota").hidden = !quota;
  if (quota) {
    setAttribute($("tokens"), "max", quota.limit);
    setAttribute($("tokens"), "value", quota.available);
    const queued = quota.waiting ? ` · ${word("queued", quota)}` : "";
    setText($("left"), word("left", quota) + queued);
  }
}
function drawAll() {
  setFormats();
  drawHead();
  drawStatus();
  for (const row of rows.values()) row.touch();
}

// ---- events

function row(code) {
  if (!rows.has(code)) rows.set(code, new Row(code));
  return rows.get(code);
}
function setNow(now) {
  if (now) offset = Date.parse(now) - Date.now();
}
const takes = {
  watch(data) {
    watched = data;
    for (const [code, old] of rows) {
      if (data.codes.includes(code)) continue;
      visible.unobserve(old.line);
      old.details?.remove();
      old.line.remove();
      rows.delete(code);
    }
    for (const code of data.codes) row(code).touch();
    loadCurves();
  },
  change(data) { row(data.code).take(data); },
  curve(data) { row(data.code).fill(data.points); },
  status(data) { setNow(data.now); status = data; for (const one of rows.values()) one.drawAge(); },
  ping(data) { setNow(data.now); },
};
async function loadCurves() {
  const answer = await fetch("v1/curves").catch(() => null);
  if (!answer?.ok) return;
  for (const [code, points] of Object.entries(await answer.json())) if (rows.has(code)) row(code).fill(points);
}
function listen() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource("v1/watch");
  heard = Date.now();
  for (const kind of Object.keys(takes)) {
    source.addEventListener(kind, (event) => {
      heard = Date.now();
      lostSince = null;
      $("sign-in").hidden = true;
      takes[kind](JSON.parse(event.data));
      drawStatus();
    });
  }
  source.addEventListener("error", onError);
}
function onError() {
  if (source.readyState === EventSource.CLOSED) findOut();
  else lose(); // the browser itself goes on trying
}
function lose() {
  lostSince ??= rows.size ? heard : Date.now();
  drawStatus();
}
async function findOut() {
  // An EventSource does not tell what the server answered.
  const answer = await fetch("v1/status").catch(() => null);
  if (answer?.status === 401) {
    $("sign-in").hidden = false;
    return $("token").focus();
  }
  if (answer?.ok) {
    lostSince = null;
    status = await answer.json();
    drawStatus();
  } else {
    lose();
  }
  retry = setTimeout(listen, 1000 + 2000 * Math.random());
  return undefined;
}

for (const head of heads) {
  head.addEventListener("click", () => {
    const name = head.dataset.sort;
    settings.descending = settings.sort === name ? !settings.descending : name !== "code";
    settings.sort = name;
    store();
    drawHead();
    schedule();
  });
}
function cycle(id, next) {
  $(id).addEventListener("click", () => { next(); store(); drawAll(); });
}
cycle("language", () => { settings.language = settings.language === "zh" ? "en" : "zh"; });
cycle("theme", () => { settings.theme = { auto: "dark", dark: "light", light: "auto" }[settings.theme] ?? "auto"; });
cycle("colors", () => { settings.colors = root.dataset.colors === "red" ? "green" : "red"; });
$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("v1/session", { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: $("token").value }) }).catch(() => null);
  $("token").value = "";
  setText($("refused"), answer?.ok ? "" : word("refused"));
  if (answer?.ok) listen();
});
setInterval(() => {
  for (const one of rows.values()) one.drawAge();
  if (Date.now() - heard > SILENT && source.readyState === EventSource.OPEN) { lose(); listen(); }
}, 1000);
drawAll();
listen();

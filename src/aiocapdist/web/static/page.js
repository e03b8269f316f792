// The live page: figures of all watched codes, drawn when they change.
import { setAttribute, setText } from "./drawing.js";
import { Row, server } from "./row.js";
import { clean, entry, formats, setFormats, settings, store, word } from "./text.js";

const SILENT = 40000; // ms without an event after which the server counts as lost: it pings every 15 s

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("[data-sort]")];
const rows = new Map();
let lostSince = null, heard = Date.now(), source, retry, frame;

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
  setText($("theme"), entry("theme")[settings.theme]);
  setText($("colors"), entry("colors")[root.dataset.colors]);
}
function drawStatus() {
  const state = lostSince === null ? server.status?.state ?? "opening" : "lost";
  $("connection").dataset.state = state;
  document.querySelector("main").classList.toggle("lost", state !== "ready" && rows.size > 0);
  setText($("state"), word(state));
  const reasons = [];
  if (state === "lost") reasons.push(word("silent", { time: formats.clock.format(lostSince + server.offset) }));
  else if (server.status && !["ready", "opening"].includes(state)) reasons.push(word("away"), server.status.reason ?? "");
  if (server.status?.recording === false) reasons.push(word("not_recording"));
  $("notice").hidden = !reasons.length;
  setText($("notice"), clean(reasons.join(" ")));
  const quota = server.status?.quota;
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
  if (!rows.has(code)) rows.set(code, new Row(code, schedule));
  return rows.get(code);
}
function setNow(now) {
  if (now) server.offset = Date.parse(now) - Date.now();
}
const takes = {
  watch(data) {
    server.every = data.every;
    for (const [code, old] of rows) {
      if (data.codes.includes(code)) continue;
      old.remove();
      rows.delete(code);
    }
    for (const code of data.codes) row(code).touch();
    loadCurves();
  },
  change(data) { row(data.code).take(data); },
  curve(data) { row(data.code).fill(data.points); },
  status(data) { setNow(data.now); server.status = data; for (const one of rows.values()) one.drawAge(); },
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
    server.status = await answer.json();
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

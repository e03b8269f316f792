// Settings, words and numbers. Texts from elsewhere are shown with \u{…} for what would not be drawn.
import { words } from "./words.js";

// The address can name the language: `aiocapdist serve` prints it so.
const asked = new URLSearchParams(location.search).get("language");
export const settings = {
  language: navigator.language.startsWith("zh") ? "zh" : "en", theme: "auto", colors: "", sort: "main_ratio",
  descending: true, ...stored(), ...(Object.hasOwn(words, asked) ? { language: asked } : {}),
};
export const formats = {};

function stored() {
  try { return JSON.parse(localStorage.getItem("aiocapdist")) ?? {}; } catch { return {}; }
}
export function store() {
  try { localStorage.setItem("aiocapdist", JSON.stringify(settings)); } catch { /* private window */ }
}

export const entry = (name) => words[settings.language][name];
export const word = (name, filled = {}) =>
  entry(name).replace(/\{(\w+)\}/g, (_, key) => filled[key]);
export const clean = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
  (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
export function setFormats() {
  const locale = navigator.languages.find((one) => one.startsWith(settings.language))
    ?? { zh: "zh-CN", en: "en" }[settings.language];
  const compact = { notation: "compact", maximumSignificantDigits: 4 };
  formats.signed = new Intl.NumberFormat(locale, { ...compact, signDisplay: "exceptZero" });
  formats.plain = new Intl.NumberFormat(locale, compact);
  formats.ratio = new Intl.NumberFormat(locale, { style: "percent", signDisplay: "exceptZero",
    minimumFractionDigits: 2, maximumFractionDigits: 2 });
  formats.clock = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });
}
export const signed = (value) => value == null ? "–" : formats.signed.format(value);
export const direction = (value) => value > 0 ? "up" : value < 0 ? "down" : "";
export function shortAge(seconds) {
  const [unit, size] = entry("units").find(([, one]) => seconds >= one) ?? entry("units").at(-1);
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}

// Elements, and curves.
import { direction, signed, word } from "./text.js";

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}
function sampled(points, most) {
  const step = Math.ceil(points.length / most);
  return points.filter((_, n) => n % step === 0 || n === points.length - 1);
}
export function drawCurve(svg, points, width, height) {
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
export function makeCurve(width, height) {
  return makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
    makeSvg("polyline"), makeSvg("line", { class: "axis", x1: 0, x2: width }));
}

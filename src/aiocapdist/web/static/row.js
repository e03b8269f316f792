// One security: a line of the table, and what is below it when it is open.
import { drawCurve, make, makeCurve, makeSvg, setAttribute, setText } from "./drawing.js";
import { clean, direction, entry, formats, shortAge, signed, word } from "./text.js";

const CURRENCIES = { HK: "HKD", HK_FUTURE: "HKD", US: "USD", SH: "CNY", SZ: "CNY", SG: "SGD", JP: "JPY",
  AU: "AUD", MY: "MYR", CA: "CAD" };
const SIZES = ["super", "big", "mid", "small"];
const MARKED = 2500; // ms for which a change is marked
const SESSION = 6 * 3600; // s between two points after which a curve begins anew
const MOST_POINTS = 500;

export const server = { every: 60, status: null, offset: 0 }; // what it told; offset of its clock in ms
let opened = 0;

// Pictures are drawn where they can be seen: of 200 rows that is a tenth.
const visible = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.row.isVisible = isIntersecting;
    if (isIntersecting) target.row.drawPictures();
  }
}, { rootMargin: "200px" });

export class Row {
  constructor(code, onChange) {
    this.onChange = onChange;
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
    // Not in place of what is there: an answer can be older than an event that came before it.
    const times = new Set(points.map(([time]) => time)), from = (points[0]?.[0] ?? 0) - 2 * SESSION;
    const others = this.points.filter(([time]) => time > from && !times.has(time));
    this.points = [...points, ...others].sort(([one], [other]) => one - other);
    this.touch();
  }
  mark() {
    clearTimeout(this.marked);
    this.line.classList.add("changed");
    this.marked = setTimeout(() => this.line.classList.remove("changed"), MARKED);
  }
  touch() {
    this.isDirty = true;
    this.onChange();
  }
  get age() {
    return this.at === undefined ? null : (Date.now() + server.offset - this.at) / 1000;
  }
  get currency() {
    return CURRENCIES[this.figures?.market] ?? "";
  }

  drawAge() {
    const { age } = this;
    const resting = server.status?.resting?.includes(this.code) ?? false;
    const late = Math.max(180, 3 * server.every, 3 * (server.status?.round_time ?? 0));
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
      setText(this.cells.main_ratio, figures.main_ratio == null ? "–" : formats.ratio.format(figures.main_ratio));
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
      inflow: formats.plain.format(figures.capital_in), outflow: formats.plain.format(figures.capital_out) }));
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
      const id = `details-${opened++}`;
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
      make("th", { scope: "row" }, entry("sizes")[n]),
      ...[figures[`capital_in_${size}`], figures[`capital_out_${size}`]].map(
        (value) => make("td", {}, value == null ? "–" : formats.plain.format(value))),
      make("td", { class: direction(figures[`net_${size}`]) }, signed(figures[`net_${size}`])))));
    const time = figures ? word("updated", { time: formats.clock.format(this.at) }) : "";
    setText(this.told, this.error ? `${clean(this.error.message)} ${time}` : time);
  }

  remove() {
    visible.unobserve(this.line);
    this.details?.remove();
    this.line.remove();
  }
}

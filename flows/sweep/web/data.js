// The data of the page as columns, what is kept of them, and small helpers.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COUNT = DATA.count;

/** A column: value(i), and for numbers the extent over any rows. */
class Column {
  constructor(found) {
    Object.assign(this, found);
    this.number = found.kind === "number";
    this.label = this.title || this.name.replaceAll("_", " ");
    this.heading = this.unit ? `${this.label} [${this.unit}]` : this.label;
    this.cache = null;
  }

  value(i) {
    return this.words ? this.words[this.indices[i]] : this.values[i];
  }

  /** Distinct values, in order: numbers by size. */
  get distinct() {
    if (!this.cache) {
      const all = new Set();
      for (let i = 0; i < COUNT; i++) all.add(this.value(i));
      all.delete(null);
      const byText = (a, b) => a.localeCompare(b, "en", { numeric: true });
      this.cache = [...all].sort(this.number ? (a, b) => a - b : byText);
    }
    return this.cache;
  }

  /** Where a value stands on an axis: a number itself, a text by its place. */
  place(i) {
    const value = this.value(i);
    if (this.number || value === null) return value;
    if (!this.places) this.places = new Map(this.distinct.map((v, p) => [v, p]));
    return this.places.get(value);
  }

  extent(rows) {
    let low = Infinity, high = -Infinity;
    for (const i of rows) {
      const place = this.place(i);
      if (place === null) continue;
      if (place < low) low = place;
      if (place > high) high = place;
    }
    return low <= high ? [low, high] : [0, 1];
  }

  text(value) {
    if (value === null || value === undefined) return "";
    if (!this.number) return String(value);
    if (this.name === "accuracy") return `${(100 * value).toFixed(2)} %`;
    const digits = this.digits ?? (Number.isInteger(value) ? 0 : 3);
    const options = { minimumFractionDigits: this.digits ?? 0, maximumFractionDigits: digits };
    return value.toLocaleString("en", options);
  }

  /** With its unit. */
  full(value) {
    const text = this.text(value);
    return this.unit && text ? `${text} ${this.unit}` : text;
  }
}

const COLUMNS = DATA.columns.map((found) => new Column(found));
const BY_NAME = new Map(COLUMNS.map((column) => [column.name, column]));

/** Architecture with its knobs, as one column. */
function addDesign() {
  const names = COLUMNS.filter((c) => c.setting).map((c) => c.name);
  const knobs = names.slice(names.indexOf("arch") + 1, names.indexOf("library"));
  const told = (name, value) => (value === "True" ? name : `${name} ${value}`);
  const values = Array.from({ length: COUNT }, (_, i) => {
    const given = knobs
      .map((name) => [name, BY_NAME.get(name).value(i)])
      .filter(([, value]) => value !== null && value !== "False");
    return [BY_NAME.get("arch").value(i), ...given.map(([n, v]) => told(n, v))].join(", ");
  });
  const design = new Column({ name: "design", kind: "text", values, derived: true });
  COLUMNS.push(design);
  BY_NAME.set("design", design);
}
if (BY_NAME.has("arch") && BY_NAME.has("library")) addDesign();

const ALL = Array.from({ length: COUNT }, (_, i) => i);
const STATUS = BY_NAME.get("status");
const isGood = (i) => !STATUS || STATUS.value(i) === "ok";
const varies = (column) => column.distinct.length > 1;

/** What is looked at; `visible` follows from the rest. */
const state = {
  query: "", chosen: new Map(), ranges: new Map(), onlyBest: false,
  x: null, y: null, colour: null, shape: null, xlog: false, ylog: false,
  selected: null, hover: null, sort: { name: null, down: false },
  visible: ALL,
};

const OPERATORS = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  "=": (a, b) => a === b, "!=": (a, b) => a !== b,
};

/** A test of row i for one word of the query: `name<1000`, `name=text`, or a part of any text. */
function testOf(word) {
  const found = /^(\w+)(<=|>=|!=|<|>|=)(.+)$/.exec(word);
  if (!found) {
    const part = word.toLowerCase();
    const texts = COLUMNS.filter((c) => !c.number);
    return (i) => texts.some((c) => String(c.value(i) ?? "").toLowerCase().includes(part));
  }
  const column = BY_NAME.get(found[1]);
  const number = Number(found[3]);
  if (!column || (column.number && Number.isNaN(number))) return null;
  const compare = OPERATORS[found[2]];
  if (column.number) {
    return (i) => column.value(i) !== null && compare(column.value(i), number);
  }
  const text = found[3].toLowerCase();
  return (i) => column.value(i) !== null && compare(column.value(i).toLowerCase(), text);
}

/** Compute what is visible; whether the query was understood. */
function applyFilters() {
  const words = state.query.trim().split(/\s+/).filter(Boolean);
  const tests = words.map(testOf);
  const understood = !tests.includes(null);
  for (const [name, values] of state.chosen) {
    if (values.size) tests.push((i) => values.has(String(BY_NAME.get(name).value(i))));
  }
  for (const [name, [low, high]] of state.ranges) {
    const column = BY_NAME.get(name);
    tests.push((i) => {
      const place = column.place(i);
      return place !== null && place >= low && place <= high;
    });
  }
  if (state.onlyBest) tests.push((i) => DATA.best[i]);
  const used = tests.filter(Boolean);
  state.visible = used.length ? ALL.filter((i) => used.every((test) => test(i))) : ALL;
  return understood;
}

/** Create an element with properties, and children or text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A canvas sized to its box at the screen's density; the context and the size in CSS pixels. */
function surface(canvas) {
  const density = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return { context, width, height };
}

/** Round figures between low and high. */
function ticks(low, high, log, most) {
  if (log) {
    const found = [];
    const steps = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= low && value <= high) found.push(value);
      }
    }
    if (found.length > 1) return found.filter((_, i) => i % Math.ceil(found.length / most) === 0);
  }
  const rough = (high - low) / Math.max(2, most);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) || power;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) {
    found.push(Number(v.toPrecision(12)));
  }
  return found;
}

/** A short text for a tick. */
function short(column, value) {
  if (column.name === "accuracy") return `${Number((100 * value).toFixed(2))} %`;
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(4))}${letter}`;
  }
  return String(Number(value.toPrecision(4)));
}

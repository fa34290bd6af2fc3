// The scatter plot: one mark for each visible point, and the front of each library.

const MARGIN = { left: 74, right: 14, top: 10, bottom: 42 };
const SHAPES = [
  (c, r) => { c.arc(0, 0, r, 0, 2 * Math.PI); },
  (c, r) => { c.rect(-r * 0.88, -r * 0.88, r * 1.76, r * 1.76); },
  (c, r) => polygon(c, 3, r * 1.25, -Math.PI / 2),
  (c, r) => polygon(c, 4, r * 1.25, 0),
  (c, r) => polygon(c, 3, r * 1.25, Math.PI / 2),
  (c, r) => polygon(c, 5, r * 1.15, -Math.PI / 2),
  (c, r) => star(c, r * 1.4),
  (c, r) => polygon(c, 6, r * 1.1, 0),
];

function polygon(context, corners, radius, turn) {
  for (let k = 0; k < corners; k++) {
    const angle = turn + (2 * Math.PI * k) / corners;
    context[k ? "lineTo" : "moveTo"](radius * Math.cos(angle), radius * Math.sin(angle));
  }
  context.closePath();
}

function star(context, radius) {
  for (let k = 0; k < 10; k++) {
    const angle = -Math.PI / 2 + (Math.PI * k) / 5;
    const reach = k % 2 ? radius * 0.45 : radius;
    context[k ? "lineTo" : "moveTo"](reach * Math.cos(angle), reach * Math.sin(angle));
  }
  context.closePath();
}

/** Colours by the values of a column: one each where they are few, else a scale. */
function colours() {
  const column = state.colour;
  const palette = Array.from({ length: 7 }, (_, k) => css(`--c${k}`));
  if (!column) return { of: () => palette[1], entries: [] };
  const distinct = column.distinct;
  const last = Math.max(1, distinct.length - 1);
  if (distinct.length <= 12) {
    const shade = (k) => palette[Math.round((k * 6) / last) % 7];
    const of = new Map(distinct.map((value, k) => [value, shade(k)]));
    return {
      of: (i) => of.get(column.value(i)) || css("--soft"),
      entries: distinct.map((value) => [column.text(value), of.get(value)]),
    };
  }
  const [low, high] = column.extent(ALL);
  const step = (place) => palette[Math.round((6 * (place - low)) / (high - low || 1))];
  const middle = (low + high) / 2;
  const told = (place) => (column.number ? column.text(place) : column.distinct[Math.round(place)]);
  return {
    of: (i) => (column.place(i) === null ? css("--soft") : step(column.place(i))),
    entries: [low, middle, high].map((place) => [told(place), step(place)]),
  };
}

function shapeOf(i) {
  const place = state.shape ? state.shape.place(i) : 0;
  return SHAPES[(place || 0) % SHAPES.length];
}

/** From a column to pixels. */
function scale(column, rows, log, from, to) {
  let [low, high] = column.extent(rows);
  if (log && low > 0) {
    const pad = (Math.log(high / low) || 0.2) * 0.05;
    [low, high] = [low * Math.exp(-pad), high * Math.exp(pad)];
    const span = Math.log(high / low);
    const to_pixel = (v) => from + ((to - from) * Math.log(v / low)) / span;
    const back = (p) => low * Math.exp(((p - from) / (to - from)) * span);
    return { low, high, log: true, to: to_pixel, back };
  }
  const pad = (high - low || Math.abs(high) || 1) * 0.05;
  [low, high] = [low - pad, high + pad];
  return {
    low, high, log: false,
    to: (v) => from + ((to - from) * (v - low)) / (high - low),
    back: (p) => low + ((p - from) / (to - from)) * (high - low),
  };
}

class Scatter {
  constructor(box, onSelect, onRange) {
    this.box = box;
    [this.base, this.over] = box.querySelectorAll("canvas");
    this.tip = box.querySelector("#tip");
    this.onSelect = onSelect;
    this.onRange = onRange;
    this.drag = null;
    this.rows = [];
    this.over.addEventListener("pointermove", (event) => this.moved(event));
    this.over.addEventListener("pointerleave", () => this.hover(null));
    this.over.addEventListener("pointerdown", (event) => { this.drag = this.at(event); });
    this.over.addEventListener("pointerup", (event) => this.released(event));
    this.over.addEventListener("pointercancel", () => { this.drag = null; this.mark(); });
  }

  at(event) {
    const box = this.over.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  draw() {
    const { context, width, height } = surface(this.base);
    this.size = [width, height];
    const rows = state.visible.filter(
      (i) => isGood(i) && state.x.value(i) !== null && state.y.value(i) !== null,
    );
    this.rows = rows;
    this.sx = scale(state.x, rows, state.xlog, MARGIN.left, width - MARGIN.right);
    this.sy = scale(state.y, rows, state.ylog, height - MARGIN.bottom, MARGIN.top);
    this.px = Float32Array.from(rows, (i) => this.sx.to(state.x.place(i)));
    this.py = Float32Array.from(rows, (i) => this.sy.to(state.y.place(i)));
    this.axes(context, width, height);
    this.fronts(context);
    this.marks(context, rows);
    this.mark();
  }

  axes(context, width, height) {
    const bottom = height - MARGIN.bottom;
    context.strokeStyle = css("--grid");
    context.fillStyle = css("--soft");
    context.textAlign = "center";
    context.textBaseline = "top";
    const most = Math.max(3, Math.floor((width - MARGIN.left) / 80));
    for (const value of ticks(this.sx.low, this.sx.high, this.sx.log, most)) {
      const x = Math.round(this.sx.to(value)) + 0.5;
      line(context, x, MARGIN.top, x, bottom);
      context.fillText(short(state.x, value), x, bottom + 6);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of ticks(this.sy.low, this.sy.high, this.sy.log, 7)) {
      const y = Math.round(this.sy.to(value)) + 0.5;
      line(context, MARGIN.left, y, width - MARGIN.right, y);
      context.fillText(short(state.y, value), MARGIN.left - 8, y);
    }
    context.fillStyle = css("--ink");
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillText(state.x.heading, (MARGIN.left + width) / 2, height - 6);
    context.save();
    context.translate(12, (MARGIN.top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(state.y.heading, 0, 0);
    context.restore();
  }

  /** Steps through the best of each library, where both axes know what is better. */
  fronts(context) {
    const { x, y } = state;
    if (x.smaller === undefined || y.smaller === undefined) return;
    const library = BY_NAME.get("library");
    const groups = new Map();
    for (const i of this.rows) {
      const name = library ? library.value(i) : "";
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(i);
    }
    const cost = (column, i) => (column.smaller ? column.value(i) : -column.value(i));
    context.strokeStyle = css("--soft");
    context.globalAlpha = 0.55;
    for (const rows of groups.values()) {
      rows.sort((a, b) => cost(x, a) - cost(x, b) || cost(y, a) - cost(y, b));
      let best = Infinity, before = null;
      context.beginPath();
      for (const i of rows) {
        if (cost(y, i) >= best) continue;
        best = cost(y, i);
        const [px, py] = [this.sx.to(x.value(i)), this.sy.to(y.value(i))];
        if (before === null) context.moveTo(px, py);
        else { context.lineTo(px, before); context.lineTo(px, py); }
        before = py;
      }
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  marks(context, rows) {
    const radius = rows.length > 3000 ? 2.6 : rows.length > 400 ? 3.6 : 5;
    const shade = colours();
    const groups = new Map(); // one path for each colour and shape: fast for many marks
    rows.forEach((i, k) => {
      const key = `${shade.of(i)} ${SHAPES.indexOf(shapeOf(i))}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(k);
    });
    context.lineWidth = 0.8;
    context.strokeStyle = css("--card");
    for (const [key, places] of groups) {
      const [colour, shape] = key.split(/ (?=\d+$)/);
      const path = new Path2D();
      SHAPES[shape](path, radius);
      context.fillStyle = colour;
      for (const k of places) {
        context.translate(this.px[k], this.py[k]);
        context.fill(path);
        if (radius > 3) context.stroke(path);
        context.translate(-this.px[k], -this.py[k]);
      }
    }
  }

  /** What changes with the pointer: the hovered and the selected mark, a rectangle. */
  mark(rectangle = null) {
    const { context } = surface(this.over);
    for (const [i, width] of [[state.selected, 2.5], [state.hover, 1.5]]) {
      const k = this.rows.indexOf(i);
      if (i === null || k < 0) continue;
      context.beginPath();
      context.arc(this.px[k], this.py[k], 9, 0, 2 * Math.PI);
      context.strokeStyle = css("--ink");
      context.lineWidth = width;
      context.stroke();
    }
    if (rectangle) {
      context.fillStyle = css("--accent");
      context.globalAlpha = 0.18;
      context.fillRect(...rectangle);
    }
  }

  nearest([x, y]) {
    let best = 15 ** 2, found = null;
    for (let k = 0; k < this.px.length; k++) {
      const distance = (this.px[k] - x) ** 2 + (this.py[k] - y) ** 2;
      if (distance < best) [best, found] = [distance, k];
    }
    return found === null ? null : this.rows[found];
  }

  moved(event) {
    const [x, y] = this.at(event);
    if (this.drag && event.buttons && event.pointerType !== "touch") {
      const [a, b] = this.drag;
      this.mark([Math.min(a, x), Math.min(b, y), Math.abs(x - a), Math.abs(y - b)]);
      this.tip.hidden = true;
      return;
    }
    this.hover(this.nearest([x, y]));
  }

  hover(i) {
    if (i === state.hover) return;
    state.hover = i;
    this.mark();
    this.tip.hidden = i === null;
    if (i === null) return;
    this.tip.replaceChildren(facts(i, true));
    const k = this.rows.indexOf(i);
    const [width, height] = this.size;
    const left = this.px[k] + 14 + this.tip.offsetWidth > width;
    const x = left ? this.px[k] - 14 - this.tip.offsetWidth : this.px[k] + 14;
    const y = Math.min(this.py[k] + 10, height - this.tip.offsetHeight);
    const room = Math.max(0, width - this.tip.offsetWidth);
    this.tip.style.left = `${Math.min(room, Math.max(0, x))}px`;
    this.tip.style.top = `${Math.max(0, y)}px`;
  }

  released(event) {
    const [x, y] = this.at(event);
    const [a, b] = this.drag || [x, y];
    this.drag = null;
    if (Math.abs(x - a) > 6 && Math.abs(y - b) > 6 && event.pointerType !== "touch") {
      const order = (p, q) => (p < q ? [p, q] : [q, p]);
      this.onRange(state.x, order(this.sx.back(a), this.sx.back(x)));
      this.onRange(state.y, order(this.sy.back(b), this.sy.back(y)));
      return;
    }
    this.mark();
    const found = this.nearest([x, y]);
    if (found !== null) this.onSelect(found);
  }
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** What colours and shapes mean. */
function drawLegend(box) {
  const entries = colours().entries.map(([text, colour]) => [text, colour, SHAPES[0]]);
  const shapes = state.shape && varies(state.shape) ? state.shape.distinct.slice(0, 8) : [];
  const grey = css("--soft");
  shapes.forEach((value, k) => entries.push([state.shape.text(value), grey, SHAPES[k]]));
  const title = state.colour && entries.length ? [make("b", {}, state.colour.label)] : [];
  box.replaceChildren(...title, ...entries.map(([text, colour, shape]) => {
    const canvas = make("canvas");
    const item = make("span", {}, canvas, text);
    requestAnimationFrame(() => {
      const { context } = surface(canvas);
      context.translate(7, 7);
      context.fillStyle = colour;
      context.beginPath();
      shape(context, 5);
      context.fill();
    });
    return item;
  }));
}

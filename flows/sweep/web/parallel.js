// Parallel coordinates: a line for each visible point, an axis for each thing that varies.

const FIGURES = ["area_um2", "interval_cycles", "critical_path_ns", "accuracy", "energy_pj"];
const MOST_LINES = 4000;
const EDGE = { left: 60, right: 60, top: 44, bottom: 14 };

class Parallel {
  constructor(box, onRange) {
    [this.base, this.over] = box.querySelectorAll("canvas");
    this.onRange = onRange;
    const settings = COLUMNS.filter((c) => c.setting && varies(c) && c.distinct.length <= 200);
    const derived = COLUMNS.filter((c) => c.name === "weight_bits" && !c.setting && varies(c));
    const figures = FIGURES.map((name) => BY_NAME.get(name)).filter((c) => c && varies(c));
    this.columns = [...settings, ...derived, ...figures];
    box.style.minWidth = `${Math.max(300, 105 * this.columns.length)}px`;
    this.over.addEventListener("pointerdown", (event) => this.pressed(event));
    this.over.addEventListener("pointermove", (event) => this.moved(event));
    this.over.addEventListener("pointerup", (event) => this.released(event));
    this.over.addEventListener("dblclick", (event) => {
      const axis = this.axisAt(event);
      if (axis !== null) this.onRange(this.columns[axis], null);
    });
  }

  draw() {
    const { context, width, height } = surface(this.base);
    const [top, bottom] = [EDGE.top, height - EDGE.bottom];
    const gaps = Math.max(1, this.columns.length - 1);
    this.x = this.columns.map((_, k) => EDGE.left + ((width - EDGE.left - EDGE.right) * k) / gaps);
    this.scales = this.columns.map((column) => {
      const [low, high] = column.extent(ALL);
      return scale(column, ALL, column.number && low > 0 && high > 20 * low, bottom, top);
    });
    this.lines(context);
    this.axes(context, top, bottom);
    this.mark();
  }

  path(context, i) {
    let begun = false;
    this.columns.forEach((column, k) => {
      const place = column.place(i);
      if (place === null || place === undefined) return;
      context[begun ? "lineTo" : "moveTo"](this.x[k], this.scales[k].to(place));
      begun = true;
    });
  }

  lines(context) {
    const good = state.visible.filter(isGood);
    const every = Math.max(1, Math.ceil(good.length / MOST_LINES));
    const shown = good.filter((_, k) => k % every === 0);
    const shade = colours();
    const groups = new Map();
    for (const i of shown) {
      const colour = shade.of(i);
      if (!groups.has(colour)) groups.set(colour, []);
      groups.get(colour).push(i);
    }
    context.lineWidth = shown.length > 500 ? 0.5 : 1.2;
    context.globalAlpha = shown.length > 500 ? 0.5 : 0.75;
    for (const [colour, rows] of groups) {
      context.strokeStyle = colour;
      context.beginPath();
      for (const i of rows) this.path(context, i);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  axes(context, top, bottom) {
    context.textAlign = "center";
    this.columns.forEach((column, k) => {
      const x = Math.round(this.x[k]) + 0.5;
      context.strokeStyle = css("--soft");
      line(context, x, top, x, bottom);
      context.fillStyle = css("--ink");
      context.fillText(column.label, x, 16);
      if (column.unit) {
        context.fillStyle = css("--soft");
        context.fillText(column.unit, x, 30);
      }
      for (const [value, text] of this.labels(column, k)) this.label(context, x, k, value, text);
    });
  }

  labels(column, k) {
    const most = 9;
    if (column.distinct.length <= most && (column.setting || !column.number)) {
      return column.distinct.map((v, p) => [column.number ? v : p, column.text(v)]);
    }
    const { low, high, log } = this.scales[k];
    if (!column.number) return [];
    return ticks(low, high, log, 6).map((v) => [v, short(column, v)]);
  }

  label(context, x, k, value, text) {
    const y = this.scales[k].to(value);
    const clipped = text.length > 14 ? `${text.slice(0, 13)}…` : text;
    const width = context.measureText(clipped).width;
    context.fillStyle = css("--card");
    context.globalAlpha = 0.8;
    context.fillRect(x - width / 2 - 2, y - 8, width + 4, 16);
    context.globalAlpha = 1;
    context.fillStyle = css("--ink");
    context.textBaseline = "middle";
    context.fillText(clipped, x, y);
    context.textBaseline = "alphabetic";
  }

  mark(drag = null) {
    if (!this.scales) return;
    const { context } = surface(this.over);
    const spans = this.columns.map((column, k) => {
      const range = state.ranges.get(column.name);
      return range ? range.map((v) => this.scales[k].to(v)) : null;
    });
    if (drag) spans[drag.axis] = [drag.from, drag.to];
    context.fillStyle = css("--accent");
    context.globalAlpha = 0.3;
    spans.forEach((span, k) => {
      if (span) context.fillRect(this.x[k] - 9, Math.min(...span), 18, Math.abs(span[1] - span[0]));
    });
    context.globalAlpha = 1;
    if (state.selected !== null) {
      context.strokeStyle = css("--ink");
      context.lineWidth = 2.2;
      context.beginPath();
      this.path(context, state.selected);
      context.stroke();
    }
  }

  axisAt(event) {
    const x = event.clientX - this.over.getBoundingClientRect().left;
    const found = this.x.findIndex((place) => Math.abs(place - x) < 30);
    return found < 0 ? null : found;
  }

  height(event) {
    return event.clientY - this.over.getBoundingClientRect().top;
  }

  pressed(event) {
    const axis = this.axisAt(event);
    if (axis === null) return;
    this.over.setPointerCapture(event.pointerId);
    this.drag = { axis, from: this.height(event), to: this.height(event) };
  }

  moved(event) {
    if (!this.drag) return;
    this.drag.to = this.height(event);
    this.mark(this.drag);
  }

  released() {
    const drag = this.drag;
    this.drag = null;
    if (!drag || Math.abs(drag.to - drag.from) < 5) return;
    const ends = [drag.from, drag.to].map((pixel) => this.scales[drag.axis].back(pixel));
    this.onRange(this.columns[drag.axis], ends.sort((a, b) => a - b));
  }
}

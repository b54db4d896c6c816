const steps = JSON.parse(document.getElementById("steps").textContent);
const [slider, withNumbers] = document.querySelectorAll("input");
const [earlier, numbers] = ["earlier", "numbers"].map(id => document.getElementById(id));
const svg = document.querySelector("main svg");
const parts = [...svg.querySelectorAll("g.node, g.edge")].map(g => [g, g.querySelector("title").textContent]);
const lines = steps.map((step, i) => {
  const line = document.createElement("li");
  line.innerHTML = step.equation;
  line.addEventListener("click", () => show(i));
  return line;
});

function show(to, following = true) {
  slider.value = to;
  const now = Number(slider.value), step = steps[now];
  const later = new Set(steps.slice(now + 1).map(s => s.box));
  for (const [g, key] of parts) {
    g.classList.toggle("pending", later.has(key));
    g.classList.toggle("found", step.box === key);
    g.classList.toggle("used", step.used.includes(key) || step.arrows.includes(key));
  }
  document.getElementById("equation").innerHTML = step.equation;
  document.querySelector("output").textContent = now + " of " + (steps.length - 1);
  numbers.textContent = withNumbers.checked ? step.numbers : "";
  earlier.replaceChildren(...lines.slice(1, Math.max(now, 1)));
  earlier.scrollTop = earlier.scrollHeight;
  const home = outside.get(step.box)?.g;
  for (const scope of scopes) scope.g.classList.toggle("found", scope.g === home);
  if (following) follow(home ?? parts.find(([, key]) => key === step.box)?.[0]);
}
const places = { first: () => 0, back: () => +slider.value - 1, on: () => +slider.value + 1, last: () => steps.length };
slider.addEventListener("input", () => show(slider.value));
withNumbers.addEventListener("input", () => show(slider.value));
document.addEventListener("keydown", event => {
  const to = { Home: "first", ArrowLeft: "back", ArrowRight: "on", End: "last" }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  show(places[to]());
});
for (const button of document.querySelectorAll("[data-to]"))
  button.addEventListener("click", () => show(places[button.dataset.to]()));

// The part of the picture that is seen is the svg's viewBox; wheel, fingers and buttons change it.
const original = svg.getAttribute("viewBox").split(" ").map(Number);
let whole = original, seen = [...whole];
const see = box => svg.setAttribute("viewBox", (seen = box).join(" "));
const inPicture = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
function zoom(by, clientX, clientY) {
  const { x, y } = inPicture(clientX, clientY);
  see([x + (seen[0] - x) * by, y + (seen[1] - y) * by, seen[2] * by, seen[3] * by]);
}
function follow(part) { // where the whole picture is too small to be read, as on a phone, the view goes with the steps
  if (!part || svg.clientWidth > 0.7 * whole[2]) return;
  const { x, y, width, height } = part.getBoundingClientRect();
  const middle = inPicture(x + width / 2, y + height / 2);
  const [w, h] = [svg.clientWidth, svg.clientHeight];
  see([middle.x - w / 2, middle.y - h / 2, w, h]);
}
for (const button of document.querySelectorAll("[data-zoom]"))
  button.addEventListener("click", () => {
    const frame = svg.getBoundingClientRect();
    if (button.dataset.zoom === "all") see([...whole]);
    else zoom(Number(button.dataset.zoom), frame.x + frame.width / 2, frame.y + frame.height / 2);
  });
svg.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Math.exp(event.deltaY / 500), event.clientX, event.clientY);
}, { passive: false });
const fingers = new Map();
svg.addEventListener("pointerdown", event => {
  svg.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
});
svg.addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId), now = [event.clientX, event.clientY];
  if (!before) return;
  const other = [...fingers].find(([id]) => id !== event.pointerId);
  if (other) {
    const away = ([x, y]) => Math.hypot(x - other[1][0], y - other[1][1]) || 1;
    zoom(away(before) / away(now), ...other[1]);
  } else {
    dragged = true;
    const from = inPicture(...before), to = inPicture(...now);
    see([seen[0] + from.x - to.x, seen[1] + from.y - to.y, seen[2], seen[3]]);
  }
  fingers.set(event.pointerId, now);
});
for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, event => fingers.delete(event.pointerId));

// A click on a scope folds it into one small box; the picture closes up, along the way that the data flows, where nothing
// else stands beside it. Rectangles are [[left, right], [top, bottom]].
const flow = document.querySelector("main").dataset.flow === "x" ? 0 : 1;
const rectangle = ({ x, y, width, height }) => [[x, x + width], [y, y + height]];
const within = (a, b) => a.rect.every(([from, to], i) => b.rect[i][0] <= from && to <= b.rect[i][1]);
const keep = element => ({ element, name: element.hasAttribute("d") ? "d" : "points", was: element.getAttribute("d") ?? element.getAttribute("points") });
const boxes = [], edges = [], scopes = [];
for (const g of svg.querySelectorAll("g.node, g.edge, g.cluster")) {
  const shape = g.querySelector("path, polygon"), texts = [...g.querySelectorAll("text")];
  if (!shape) continue;
  const key = g.querySelector("title").textContent, head = g.querySelector("path + polygon") ?? shape;
  const labels = [...g.children].filter(e => ![shape, head].includes(e) && e.tagName !== "title");
  const part = { g, key, shape: keep(shape), rect: rectangle(shape.getBBox()), labels: labels.map(e => [e, rectangle(e.getBBox())]) };
  if (g.classList.contains("node")) boxes.push({ ...part, rect: rectangle(g.getBBox()) });
  else if (g.classList.contains("edge")) edges.push({ ...part, head: keep(head) });
  else scopes.push({ ...part, texts, folded: false });
}
for (const scope of scopes) {
  const computed = boxes.filter(box => within(box, scope) && edges.some(edge => edge.key.endsWith(`->${box.key}`)));
  const caption = scope.caption = document.createElementNS(svg.namespaceURI, "text");
  caption.textContent = `${scope.texts.map(t => t.textContent).join(" ")}: ${computed.length} operation${computed.length === 1 ? "" : "s"}`;
  caption.classList.add("caption");
  caption.setAttribute("text-anchor", "middle");
  caption.setAttribute("font-size", "11");
  caption.setAttribute("fill", "var(--ink)");
  scope.g.append(caption);
  scope.length = flow === 0 ? caption.getBBox().width + 16 : 30;
  scope.g.setAttribute("tabindex", "0");
  scope.g.addEventListener("keydown", event => { if (event.key === "Enter") fold(scope); });
}
const outside = new Map(); // the folded scope that a box is in
function fold(scope) {
  scope.folded = !scope.folded;
  arrange();
  show(slider.value, false);
}
function arrange() {
  const folded = scopes.filter(s => s.folded && !scopes.some(o => o !== s && o.folded && within(s, o)));
  const cuts = folded.map(s => {
    const [from, to] = s.rect[flow];
    const others = [...boxes, ...scopes].filter(o => !within(o, s) && !within(s, o));
    const alone = others.every(o => o.rect[flow][1] <= from || to <= o.rect[flow][0]);
    return { from, to, by: alone ? Math.max(to - from - s.length, 0) : 0 };
  });
  const moved = v => cuts.reduce((sum, c) => sum - c.by * Math.min(Math.max((v - c.from) / (c.to - c.from), 0), 1), v);
  const place = rect => rect.map((ends, i) => i === flow ? ends.map(moved) : ends);
  const shift = (element, rect) => {
    const by = moved((rect[flow][0] + rect[flow][1]) / 2) - (rect[flow][0] + rect[flow][1]) / 2;
    element.setAttribute("transform", flow === 0 ? `translate(${by} 0)` : `translate(0 ${by})`);
  };
  const redraw = ({ element, name, was }, point) => element.setAttribute(name, was.replace(
    /(-?[\d.]+),(-?[\d.]+)/g, (_, x, y) => point([+x, +y]).join(",")));
  const along = point => point.map((v, i) => i === flow ? moved(v) : v);
  outside.clear();
  for (const s of scopes) {
    const home = folded.find(o => within(s, o));
    s.g.classList.toggle("inside", home !== undefined && home !== s);
    s.g.classList.toggle("folded", home === s);
    redraw(s.shape, along);
    for (const [label, rect] of s.labels) shift(label, rect);
    if (home !== s) continue;
    const middle = (s.rect[1 - flow][0] + s.rect[1 - flow][1]) / 2, half = (flow === 0 ? 30 : s.caption.getBBox().width + 16) / 2;
    s.now = place(s.rect);
    s.now[1 - flow] = [middle - half, middle + half];
    redraw(s.shape, point => point.map((v, i) => s.now[i][0] + (v - s.rect[i][0]) / (s.rect[i][1] - s.rect[i][0]) * (s.now[i][1] - s.now[i][0])));
    s.caption.setAttribute("x", (s.now[0][0] + s.now[0][1]) / 2);
    s.caption.setAttribute("y", (s.now[1][0] + s.now[1][1]) / 2 + 4);
  }
  const at = new Map();
  for (const box of boxes) {
    const home = folded.find(s => within(box, s));
    if (home) outside.set(box.key, home);
    box.g.classList.toggle("inside", home !== undefined);
    at.set(box.key, home ?? { now: place(box.rect) });
    shift(box.g, box.rect);
  }
  for (const edge of edges) {
    const [a, b] = edge.key.split("->").map(key => at.get(key));
    const cut = a !== b && Boolean(a.shape || b.shape);
    edge.g.classList.toggle("inside", a === b && Boolean(a.shape));
    edge.g.classList.toggle("cut", cut);
    for (const [label, rect] of edge.labels) shift(label, rect);
    if (cut) straighten(edge, a.now, b.now);
    else { redraw(edge.shape, along); redraw(edge.head, along); }
  }
  const size = [...original];
  size[2 + flow] -= cuts.reduce((sum, c) => sum + c.by, 0);
  see(whole = size);
}
function straighten({ shape, head }, a, b) { // from the border of one box to that of another
  const middle = rect => rect.map(([from, to]) => (from + to) / 2);
  const border = (rect, to) => {
    const from = middle(rect), way = to.map((v, i) => v - from[i]);
    const part = Math.min(...way.map((v, i) => v ? (rect[i][1] - rect[i][0]) / 2 / Math.abs(v) : Infinity));
    return from.map((v, i) => v + way[i] * part);
  };
  const start = border(a, middle(b)), end = border(b, middle(a));
  const length = Math.hypot(end[0] - start[0], end[1] - start[1]) || 1, way = [0, 1].map(i => (end[i] - start[i]) / length);
  const base = end.map((v, i) => v - 7 * way[i]);
  shape.element.setAttribute(shape.name, `M${start} L${base}`);
  head.element.setAttribute(head.name, [end, [base[0] - 2.5 * way[1], base[1] + 2.5 * way[0]], [base[0] + 2.5 * way[1], base[1] - 2.5 * way[0]]].join(" "));
}
let dragged = false;
svg.addEventListener("pointerdown", () => { dragged = false; });
svg.addEventListener("click", event => {
  const g = document.elementFromPoint(event.clientX, event.clientY)?.closest("g.cluster");
  const scope = scopes.find(s => s.g === g);
  if (scope && !dragged) fold(scope);
});

show(Number(location.hash.slice(1)) || 0);

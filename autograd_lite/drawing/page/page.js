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

function show(to) {
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
  follow(parts.find(([, key]) => key === step.box));
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
const whole = svg.getAttribute("viewBox").split(" ").map(Number);
let seen = [...whole];
const see = box => svg.setAttribute("viewBox", (seen = box).join(" "));
const inPicture = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
function zoom(by, clientX, clientY) {
  const { x, y } = inPicture(clientX, clientY);
  see([x + (seen[0] - x) * by, y + (seen[1] - y) * by, seen[2] * by, seen[3] * by]);
}
function follow(part) { // where the whole picture is too small to be read, as on a phone, the view goes with the steps
  if (!part || svg.clientWidth > 0.7 * whole[2]) return;
  const { x, y, width, height } = part[0].getBoundingClientRect();
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
    const from = inPicture(...before), to = inPicture(...now);
    see([seen[0] + from.x - to.x, seen[1] + from.y - to.y, seen[2], seen[3]]);
  }
  fingers.set(event.pointerId, now);
});
for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, event => fingers.delete(event.pointerId));

show(Number(location.hash.slice(1)) || 0);

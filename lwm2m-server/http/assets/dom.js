// Small helpers. Text from devices reaches the page through textContent and setAttribute alone.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `text`, `on`, else attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** The last values of a number as a small line. */
export function sparkline(values) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "sparkline");
  svg.setAttribute("viewBox", "0 0 80 20");
  svg.setAttribute("aria-hidden", "true");
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = 76 / Math.max(values.length - 1, 1);
  const points = values.map((value, i) =>
    `${(2 + i * step).toFixed(1)},${(17 - ((value - low) / span) * 14).toFixed(1)}`);
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}

let statusTimer;

/** Says something in the status line, which screen readers read out. */
export function say(text, kind = "info") {
  const status = byId("status");
  status.textContent = text;
  status.dataset.kind = kind;
  status.hidden = false;
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => { status.hidden = true; }, kind === "error" ? 12000 : 4000);
}

/** Runs an action of a button: not twice at once, and its failure is said. */
export async function act(button, action) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await action();
  } catch (error) {
    say(error.message, "error");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** "12 s ago" for seconds since 1970. */
export function ago(time) {
  const seconds = Math.max(0, Date.now() / 1000 - time);
  if (seconds < 3) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} d ago`;
}

/** A <time> that keeps saying how long ago it was. */
export function agoElement(time) {
  return el("time", {
    "data-ago": time,
    datetime: new Date(time * 1000).toISOString(),
    title: new Date(time * 1000).toLocaleString(),
    text: ago(time),
  });
}

export function refreshAgo() {
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const text = ago(Number(element.dataset.ago));
    if (element.textContent !== text) element.textContent = text;
  }
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(count < 10240 ? 1 : 0)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

/** A value as a person reads it. */
export function shown(entry) {
  const { value, type } = entry;
  if (type === "Time" && Number.isFinite(Number(value))) {
    const date = new Date(Number(value) * 1000);
    if (!Number.isNaN(date.getTime())) return date.toLocaleString();
  }
  if (type === "Opaque") {
    const size = Math.floor((value.length * 3) / 4) - (value.match(/=*$/)[0].length);
    return size === 0 ? "empty" : `${value.length > 40 ? `${value.slice(0, 40)}…` : value} (${bytes(size)})`;
  }
  if (value === "") return "empty";
  const text = typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(9))) : String(value);
  return entry.units ? `${text} ${entry.units}` : text;
}

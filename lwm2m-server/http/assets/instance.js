// One object instance: its resources with their values and what can be done with them.

import { act, agoElement, el, say, shown, sparkline } from "./dom.js";
import { api } from "./api.js";
import { ask, control, HINTS } from "./dialog.js";

const HISTORY = 60;
const ATTRIBUTES = [
  ["pmin", "Minimum period, seconds"],
  ["pmax", "Maximum period, seconds"],
  ["gt", "Greater than"],
  ["lt", "Less than"],
  ["st", "Step"],
];

export class Instance {
  /** `answered()` is called when the device has answered. */
  constructor(endpoint, object, id, answered) {
    this.endpoint = endpoint;
    this.answered = answered;
    this.object = object;
    this.path = `/${object.id}/${id}`;
    this.models = new Map(object.resources.map((resource) => [resource.id, resource]));
    this.rows = new Map();
    this.observedPaths = new Set();
    const name = object.name ?? `Object ${object.id}`;
    this.body = el("tbody");
    this.table = el("table", { hidden: true },
      el("caption", { class: "visually-hidden", text: `Resources of ${name} ${this.path}` }),
      el("thead", { class: "visually-hidden" }, el("tr", {},
        ...["Path", "Name", "Value", "Actions"].map((text) => el("th", { scope: "col", text })))),
      this.body);
    this.hint = el("p", { class: "hint", hidden: true });
    this.readButton = this.button("Read", () => this.read(), `Read ${name} ${this.path}`);
    this.discoverButton = this.button("Discover", () => this.discover(), `Discover ${name} ${this.path}`);
    this.element = el("details", { class: "instance card", on: { toggle: () => this.opened() } },
      el("summary", {},
        el("span", { class: "object-name", text: name }),
        el("code", { text: this.path }),
        el("span", { class: "object-version", text: `v${object.version}` })),
      el("div", { class: "toolbar" }, this.readButton, this.discoverButton),
      this.hint, this.table);
  }

  button(text, action, label) {
    const button = el("button", {
      type: "button", class: "quiet", text, "aria-label": label, on: { click: () => act(button, action) },
    });
    return button;
  }

  /** Opening it for the first time asks the device what is there. */
  opened() {
    if (!this.element.open || this.asked) return;
    this.asked = true;
    act(this.readButton, async () => {
      this.tell("Asking the device…");
      try {
        await this.discover();
      } catch {
        // A device may refuse discover; then its definition says what may be there.
        for (const id of this.models.keys()) this.row(`${this.path}/${id}`);
      }
      await this.read();
      this.tell(this.rows.size === 0 ? "The device shows no resource here." : null);
    }).finally(() => {
      if (this.rows.size === 0 && this.hint.textContent === "Asking the device…") {
        this.tell("No answer. Try again with Read.");
      }
    });
  }

  tell(text) {
    this.hint.hidden = !text;
    this.hint.textContent = text ?? "";
  }

  async read(path = this.path) {
    const answer = await api.read(this.endpoint, path);
    this.answered();
    for (const entry of answer.entries) this.entry(entry);
    say(`Read ${path}: ${answer.entries.length === 1 ? shown(answer.entries[0]) : `${answer.entries.length} values`}.`);
  }

  async discover() {
    const { links } = await api.operation(this.endpoint, "discover", { path: this.path });
    this.answered();
    for (const { target, parameters } of links) {
      const ids = target.split("/");
      if (!target.startsWith(`${this.path}/`) || ids.length < 4) continue;
      const row = this.row(ids.slice(0, 4).join("/"));
      const attributes = Object.entries(parameters).filter(([name]) => name !== "dim")
        .map(([name, value]) => (value === null ? name : `${name}=${value}`));
      if (ids.length === 4) row.attributes.textContent = attributes.join(" ");
    }
    this.table.hidden = this.rows.size === 0;
  }

  /** The row of a path, made where it belongs: rows are ordered as the tree is walked. */
  row(path) {
    let row = this.rows.get(path);
    if (row) return row;
    const ids = path.split("/").slice(3).map(Number);
    const model = this.models.get(ids[0]);
    const sub = ids.length > 1;
    const name = sub ? `Instance ${ids[1]}` : model?.name ?? `Resource ${ids[0]}`;
    row = {
      path, ids, model, name, history: [],
      value: el("span", { class: "value" }),
      extra: el("span", { class: "extra" }),
      attributes: el("span", { class: "attributes" }),
      buttons: el("td", { class: "actions" }),
    };
    row.element = el("tr", { class: sub ? "sub" : null },
      el("td", { class: "path" }, el("code", { text: sub ? `/${ids.join("/")}` : `/${ids[0]}` })),
      el("th", { scope: "row", text: name }),
      el("td", { class: "value-cell" }, row.value, row.extra, row.attributes),
      row.buttons);
    this.rows.set(path, row);
    const after = [...this.rows.values()].filter((other) => other !== row && order(other.ids, ids) < 0)
      .sort((a, b) => order(b.ids, a.ids))[0];
    if (after) after.element.after(row.element);
    else this.body.prepend(row.element);
    this.table.hidden = false;
    this.actions(row);
    return row;
  }

  actions(row) {
    const allowed = row.model?.operations ?? "RWE";
    const label = (verb) => `${verb} ${row.name} ${row.path}`;
    row.buttons.replaceChildren();
    const observed = this.observedPaths.has(row.path);
    if (allowed.includes("R")) {
      row.buttons.append(this.button("Read", () => this.read(row.path), label("Read")));
      if (row.ids.length === 1) {
        const observe = this.button(observed ? "Observing" : "Observe", () => this.toggle(row), label("Observe"));
        observe.setAttribute("aria-pressed", observed);
        row.buttons.append(observe);
        if (observed) row.buttons.append(this.button("Rules", () => this.rules(row), label("Notification rules of")));
      }
    }
    if (allowed.includes("W") && (row.ids.length > 1 || !row.model?.multiple)) {
      row.buttons.append(this.button("Write", () => this.write(row), label("Write")));
    }
    if (allowed.includes("E") && row.ids.length === 1) {
      row.buttons.append(this.button("Execute", () => this.execute(row), label("Execute")));
    }
  }

  /** A value has come: by read, or (then `at` says when) by notification or send. */
  entry(entry, at) {
    if (!this.asked) return; // not opened yet: opening it reads
    const row = this.row(entry.path);
    row.entry = entry;
    const text = shown(entry);
    row.value.classList.toggle("is-empty", entry.value === "");
    if (row.value.textContent !== text) {
      row.value.textContent = text;
      row.value.classList.remove("changed");
      void row.value.offsetWidth; // starts the animation again
      row.value.classList.add("changed");
    }
    row.extra.replaceChildren();
    if (typeof entry.value === "number" && entry.type !== "Time") {
      row.history.push(entry.value);
      if (row.history.length > HISTORY) row.history.shift();
      if (row.history.length > 2 && this.observedPaths.has(row.path)) row.extra.append(sparkline(row.history));
    }
    const time = entry.time ?? at;
    if (time) row.extra.append(agoElement(time));
  }

  observed(paths) {
    this.observedPaths = new Set([...paths].filter((path) => path.startsWith(`${this.path}/`)));
    for (const row of this.rows.values()) this.actions(row);
  }

  /** Somebody has begun or ended an observation, maybe on another page. */
  observe(path, yes) {
    if (this.observedPaths.has(path) === yes) return;
    if (yes) this.observedPaths.add(path);
    else this.observedPaths.delete(path);
    const row = this.rows.get(path);
    if (row) this.actions(row);
  }

  async toggle(row) {
    if (this.observedPaths.has(row.path)) {
      await api.operation(this.endpoint, "cancel", { path: row.path });
      this.observedPaths.delete(row.path);
      say(`${row.name} is observed no longer.`);
    } else {
      const answer = await api.operation(this.endpoint, "observe", { path: row.path });
      this.observedPaths.add(row.path);
      for (const entry of answer.entries) this.entry(entry);
      say(`${row.name} is observed.`);
    }
    this.actions(row);
    [...row.buttons.children].find((button) => button.hasAttribute("aria-pressed"))?.focus();
  }

  rules(row) {
    return ask({
      title: `When to notify: ${row.name}`,
      text: "What stays empty is left as it is.",
      fields: ATTRIBUTES.map(([name, label]) => ({ name, label: `${label} (${name})`, control: control("Float") })),
      action: "Set",
      submit: async (values) => {
        const attributes = {};
        for (const [name, text] of Object.entries(values)) {
          if (text.trim() === "") continue;
          const number = Number(text);
          if (!Number.isFinite(number)) throw new Error(`${name} is a number.`);
          attributes[name] = number;
        }
        if (Object.keys(attributes).length === 0) throw new Error("Nothing is filled in.");
        await api.operation(this.endpoint, "attributes", { path: row.path, attributes });
        row.attributes.textContent = Object.entries(attributes).map(([name, value]) => `${name}=${value}`).join(" ");
        say(`Rules of ${row.name} are set.`);
      },
    });
  }

  write(row) {
    const type = row.model?.type ?? row.entry?.type ?? "String";
    const field = {
      name: "value", label: row.model?.units ? `${type}, ${row.model.units}` : type,
      control: control(type, row.entry?.value), hint: [HINTS[type], row.model?.range].filter(Boolean).join(" Range: "),
    };
    return ask({
      title: `Write ${row.name}`, text: row.path, fields: [field], action: "Write",
      submit: async ({ value }) => {
        await api.write(this.endpoint, row.path, value, type);
        say(`${row.name} is written.`);
        if ((row.model?.operations ?? "R").includes("R")) {
          this.read(row.path).catch((error) => say(error.message, "error"));
        }
      },
    });
  }

  execute(row) {
    return ask({
      title: `Execute ${row.name}`, text: `${row.path} on ${this.endpoint}`,
      fields: [{
        name: "argument", label: "Argument 0 (optional)", control: control("String"),
        hint: "Most resources take none.",
      }],
      action: "Execute",
      submit: async ({ argument }) => {
        const parameters = argument === "" ? {} : { 0: argument };
        await api.operation(this.endpoint, "execute", { path: row.path, arguments: parameters });
        say(`${row.name} is executed.`);
      },
    });
  }
}

function order(a, b) {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

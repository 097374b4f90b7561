// One dialog for all that needs an answer before a device is asked.

import { byId, el } from "./dom.js";

/**
 * Shows the dialog and runs `submit(fields)`; stays open and says why where that fails.
 * `fields` are `{name, label, control, hint}`; resolves to whether it was submitted.
 */
export function ask({ title, text, fields = [], action, danger = false, submit }) {
  const dialog = byId("dialog");
  const form = byId("dialog-form");
  const error = byId("dialog-error");
  const button = byId("dialog-submit");
  byId("dialog-title").textContent = title;
  const body = byId("dialog-body");
  body.replaceChildren();
  if (text) body.append(el("p", { class: "dialog-text", text }));
  for (const field of fields) {
    field.control.id = `field-${field.name}`;
    body.append(el("label", { for: field.control.id, text: field.label }), field.control);
    if (field.hint) {
      const hint = el("p", { class: "hint", id: `hint-${field.name}`, text: field.hint });
      field.control.setAttribute("aria-describedby", hint.id);
      body.append(hint);
    }
  }
  button.textContent = action;
  button.classList.toggle("danger", danger);
  button.disabled = false;
  error.hidden = true;

  return new Promise((resolve) => {
    const done = new AbortController();
    const finish = (submitted) => {
      done.abort();
      if (dialog.open) dialog.close();
      resolve(submitted);
    };
    const listen = (target, event, listener) => target.addEventListener(event, listener, { signal: done.signal });
    listen(form, "submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      error.hidden = true;
      try {
        const values = Object.fromEntries(fields.map((field) => [field.name, field.control.value]));
        await submit(values);
        finish(true);
      } catch (failure) {
        error.textContent = failure.message;
        error.hidden = false;
        button.disabled = false;
      }
    });
    listen(byId("dialog-cancel"), "click", () => finish(false));
    listen(dialog, "cancel", () => finish(false));
    listen(dialog, "click", (event) => {
      if (event.target === dialog) finish(false);
    });
    dialog.showModal();
    (fields[0]?.control ?? button).focus();
  });
}

/** The control in which a value of this type is entered. */
export function control(type, value) {
  const current = value === undefined || value === null ? "" : String(value);
  switch (type) {
    case "Boolean": {
      const select = el("select", {},
        el("option", { value: "true", text: "true" }), el("option", { value: "false", text: "false" }));
      select.value = current === "true" ? "true" : "false";
      return select;
    }
    case "Opaque":
    case "Corelnk": {
      const area = el("textarea", { rows: 4, spellcheck: "false", autocomplete: "off" });
      area.value = current;
      return area;
    }
    case "Integer":
    case "Unsigned Integer":
    case "Time":
      return el("input", { type: "text", inputmode: "numeric", value: current, autocomplete: "off" });
    case "Float":
      return el("input", { type: "text", inputmode: "decimal", value: current, autocomplete: "off" });
    default:
      return el("input", { type: "text", value: current, autocomplete: "off", spellcheck: "false" });
  }
}

export const HINTS = {
  Opaque: "Bytes as padded Base64.",
  Time: "Seconds since 1970-01-01, UTC.",
  Objlnk: "Object and instance, like 3:0.",
  Corelnk: "CoRE link format, like </3/0>.",
  Integer: "A whole number.",
  "Unsigned Integer": "A whole number from 0.",
  Float: "A number, like 21.5.",
};

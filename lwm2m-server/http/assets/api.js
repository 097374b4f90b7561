// The REST API. Addresses are relative, so that the page works wherever it is mounted.

/** What the server refused, from its problem document. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail
      ? (problem.coapCode ? `${problem.detail} (${problem.coapCode})` : problem.detail)
      : `The server answered ${status}.`);
    this.status = status;
    this.code = problem?.code;
  }
}

async function request(method, path, { json, body, type, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(json);
  } else if (type) {
    headers["Content-Type"] = type;
  }
  let response;
  try {
    response = await fetch(`api/${path}`, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached.");
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch { /* not JSON: the status says enough */ }
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}

const device = (endpoint) => `devices/${encodeURIComponent(endpoint)}`;

export const api = {
  devices: (offset, limit, filter, signal) => {
    const query = new URLSearchParams({ offset, limit });
    if (filter) query.set("filter", filter);
    return request("GET", `devices?${query}`, { signal });
  },
  device: (endpoint, signal) => request("GET", device(endpoint), { signal }),
  read: (endpoint, path) => request("GET", `${device(endpoint)}/objects${path}`),
  write: (endpoint, path, value, type) =>
    request("PUT", `${device(endpoint)}/objects${path}`, { json: { value, type } }),
  operation: (endpoint, name, json) => request("POST", `${device(endpoint)}/${name}`, { json }),
  firmware: (endpoint, file) =>
    request("POST", `${device(endpoint)}/firmware`, { body: file, type: "application/octet-stream" }),
};

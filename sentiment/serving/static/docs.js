// Lists the endpoints that openapi.json describes.

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const choices = schema.anyOf ?? [];
  if (choices.length > 0) return choices.map(typeOf).join(" or ");
  if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  return schema.type ?? "any";
}

function fieldTable(title, schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    element(
      "tr",
      "",
      element("td", "", element("code", name)),
      element("td", typeOf(field)),
      element("td", required.has(name) ? "" : "optional"),
      element("td", field.description ?? ""),
    ),
  );
  return element("section", "", element("h3", title), element("table", "", ...rows));
}

function endpoint(path, method, operation, schemas) {
  const section = element("section", "", element("h2", `${method.toUpperCase()} ${path}`));
  section.append(element("p", operation.description ?? ""));
  const body = operation.requestBody?.content ?? {};
  const answer = operation.responses?.["200"]?.content ?? {};
  if (Object.keys(body).length > 0) {
    section.append(element("p", `Takes ${Object.keys(body).join(" or ")}.`));
  }
  for (const [title, content] of [
    ["Request", body],
    ["Answer", answer],
  ]) {
    const schema = schemas[content["application/json"]?.schema?.$ref?.split("/").pop()];
    if (schema) section.append(fieldTable(title, schema));
  }
  return section;
}

async function main() {
  const place = document.getElementById("endpoints");
  const answer = await fetch("openapi.json");
  if (!answer.ok) {
    place.append(element("p", `openapi.json can't be read: status ${answer.status}.`));
    return;
  }
  const { paths, components } = await answer.json();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      place.append(endpoint(path, method, operation, components.schemas));
    }
  }
}

main();

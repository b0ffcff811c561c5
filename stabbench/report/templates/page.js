(() => {
  "use strict";

  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  /* Numbers of a cell: 4.6, 24/25, < 0.0001, 1.23 G, 16 %, 1,000, 0.61 ± 0.02. null: n/a, – or empty. */
  const UNITS = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, "%": 0.01 };
  const NUMBER = /^([<≤]?)\s*([-−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?)(?:\/(\d+))?\s*([kMGTPE%])?\s*(?:⋆|[±([].*)?$/;
  const numberOf = (text) => {
    const found = NUMBER.exec(text);
    if (!found) return null;
    const value = Number(found[2].replace(/,/g, "").replace("−", "-"));
    return (value / (found[3] ? Number(found[3]) || 1 : 1)) * (UNITS[found[4]] || 1) - (found[1] ? 1e-12 : 0);
  };
  const isEmpty = (text) => text === "" || text === "–" || text === "n/a";

  const sortBy = (table, column, direction, original) => {
    const body = table.tBodies[0];
    if (direction === "none") return body.append(...original);
    const rows = original.map((row) => ({ row, text: row.cells[column].textContent.trim() }));
    const known = rows.filter(({ text }) => !isEmpty(text));
    const numeric = known.every(({ text }) => numberOf(text) !== null);
    const order = numeric
      ? (a, b) => numberOf(a.text) - numberOf(b.text)
      : (a, b) => a.text.localeCompare(b.text, "en", { numeric: true });
    known.sort(direction === "ascending" ? order : (a, b) => order(b, a));
    body.append(...known.map(({ row }) => row), ...rows.filter(({ text }) => isEmpty(text)).map(({ row }) => row));
  };

  for (const table of all("table.sortable")) {
    const original = Array.from(table.tBodies[0].rows);
    const heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
    heads.forEach((head, column) => {
      if (head.tagName !== "TH") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] || "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        if (next !== "none") head.setAttribute("aria-sort", next);
        sortBy(table, column, next, original);
      });
    });
  }

  const form = document.getElementById("filter");
  const filtered = all("main [data-task], main [data-strategy]");
  const applyFilter = () => {
    const on = { task: new Set(), strategy: new Set() };
    for (const box of all("input:checked", form)) on[box.name].add(box.value);
    const left = (element, kind) => {
      const places = element.getAttribute(`data-${kind}`);
      return places !== null && !places.split(" ").every((place) => on[kind].has(place));
    };
    for (const element of filtered) element.toggleAttribute("hidden", left(element, "task") || left(element, "strategy"));
    const say = (kind) => `${on[kind].size} of ${all(`input[name=${kind}]`, form).length}`;
    const text = `${say("task")} tasks, ${say("strategy")} strategies shown`;
    form.querySelector("output").textContent = text;
    form.querySelector("summary span").textContent = text;
    form.classList.toggle("active", all("input:not(:checked)", form).length > 0);
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", applyFilter);
  form.addEventListener("reset", () => setTimeout(applyFilter));
  const wide = matchMedia("(min-width: 90rem)");
  const unfold = () => { form.querySelector("details").open = wide.matches; };
  wide.addEventListener("change", unfold);
  unfold();
  applyFilter();

  /* A figure as a file of its own: the colours of light paper in the place of the page's variables. */
  const light = Array.from(document.styleSheets[0].cssRules).find((rule) => rule.selectorText === ":root").style;
  const alone = (svg) => {
    const copy = svg.cloneNode(true);
    const [, , width, height] = copy.getAttribute("viewBox").split(" ");
    copy.setAttribute("width", `${width}pt`);
    copy.setAttribute("height", `${height}pt`);
    const ground = document.createElementNS(copy.namespaceURI, "rect");
    for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: "var(--paper)" })) {
      ground.setAttribute(name, value);
    }
    copy.querySelector("desc").after(ground);
    for (const hidden of all("[hidden]", copy)) hidden.remove();
    const text = new XMLSerializer().serializeToString(copy);
    return text.replace(/var\((--[\w-]+)\)/g, (_, name) => light.getPropertyValue(name).trim());
  };
  for (const button of all("button.svg")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const svg = button.closest("figure").querySelector("svg.figure");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([alone(svg)], { type: "image/svg+xml" }));
      link.download = `${button.value}.svg`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }

  /* What is folded on the screen is printed, but for what fills many pages. */
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("main details:not([open], .bulk)");
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
})();

"use strict";
// What a screen can do and paper cannot: sort the checks, and try other cost ratios. Without it the page is complete.
(function () {
  function make(tag, text, kind) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  }

  // Numbers are printed as the report prints them: three significant digits, three decimals from 0.1 on.
  function fix(size, decimals) {
    const long = size.toFixed(60);
    const end = long.indexOf(".") + 1 + decimals;
    if (!/^50*$/.test(long.slice(end))) return size.toFixed(decimals);
    const down = long.slice(0, decimals ? end : end - 1); // exactly in the middle: to the even digit, as Python does
    return "02468".includes(down.slice(-1)) ? down : size.toFixed(decimals);
  }
  function show(value) {
    if (value === 0) return "0";
    if (value < 0.00001) return "<0.00001";
    const decimals = Math.max(0, Math.min(5, 2 - Math.floor(Math.log10(value))));
    const parts = fix(value, decimals).split(".");
    parts[0] = parts[0].replace(/\B(?=(\d{3})+$)/g, "\u2009");
    return parts.join(".");
  }

  function sortable(table) {
    const body = table.tBodies[0], own = Array.from(body.rows), heads = Array.from(table.tHead.rows[0].cells);
    const keyOf = (row, place) => {
      const key = row.cells[place].dataset.key;
      return key === undefined ? null : Number(key);
    };
    const textOf = (row, place) => (row.cells[place].firstElementChild || row.cells[place]).textContent.trim();
    function compare(first, second, place) {
      const a = keyOf(first, place), b = keyOf(second, place);
      if (a !== null && b !== null) return a - b;
      if (a !== null || b !== null) return a === null ? 1 : -1;
      const x = textOf(first, place), y = textOf(second, place);
      return x < y ? -1 : x > y ? 1 : 0;
    }
    heads.forEach((head, place) => {
      const button = make("button", head.textContent);
      button.type = "button";
      button.title = "Sort; a third time: the policy's order";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const next = { ascending: "descending", descending: null }[head.getAttribute("aria-sort")];
        const order = next === undefined ? "ascending" : next;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (order) head.setAttribute("aria-sort", order);
        const sign = order === "descending" ? -1 : 1;
        const rows = order ? own.slice().sort((a, b) => sign * compare(a, b, place)) : own;
        body.replaceChildren(...rows);
      });
    });
  }

  function explore(data) {
    const find = (id) => document.getElementById(id);
    const slider = find("explore-ratio"), exact = find("explore-exact"), chosen = find("explore-point");
    const body = find("explore-table").tBodies[0], said = find("explore-said");

    function riskOf(row, ratio) {
      return (ratio * row.fn + row.fp) / row.n;
    }
    function turnOf(row, ceiling) {
      if (row.fn === 0) return row.fp / row.n <= ceiling ? Infinity : null;
      const ratio = (ceiling * row.n - row.fp) / row.fn;
      return ratio >= 0 ? ratio : null;
    }
    function sayTurn(turn) {
      return turn === null ? "at no ratio" : turn === Infinity ? "at every ratio" : show(turn);
    }
    function cellOf(value, text) {
      const cell = make("td", undefined, "number"), held = make("data", text);
      held.value = String(value);
      cell.append(held);
      return cell;
    }
    function draw(row, ratio, ceiling) {
      const line = make("tr"), name = make("th", row.title, row.audited ? "audited" : "");
      name.scope = "row";
      const risk = riskOf(row, ratio);
      line.append(name, cellOf(risk, show(risk)));
      const turn = ceiling === null ? null : turnOf(row, ceiling);
      line.append(make("td", ceiling === null ? "no ceiling" : risk <= ceiling ? "at or below" : "above"));
      line.append(make("td", ceiling === null ? "\u2014" : sayTurn(turn)));
      line.append(cellOf(row.fn, row.fn), cellOf(row.fp, row.fp));
      return line;
    }
    function update(ratio) {
      const point = data.points.find((one) => one.name === chosen.value);
      if (!(ratio >= 0 && ratio < 1e9)) {
        body.replaceChildren();
        said.textContent = "Give a ratio of 0 or more.";
        return;
      }
      body.replaceChildren(...point.rows.map((row) => draw(row, ratio, point.ceiling)));
      const audited = point.rows.find((row) => row.audited);
      const own = ratio === data.ratio ? ", the policy's own," : "";
      const where = point.threshold === null ? "" : ", positive from probability " + point.threshold;
      let text = "At a ratio of " + ratio + own + " and the operating point \u201c" + point.title + "\u201d" + where + ", ";
      if (!audited) text += "the audited model was not counted.";
      else text += "the audited model\u2019s estimate is " + show(riskOf(audited, ratio)) + ". ";
      if (audited && point.ceiling === null) text += "The policy sets no ceiling at this operating point.";
      else if (audited) {
        const turn = turnOf(audited, point.ceiling);
        const above = riskOf(audited, ratio) > point.ceiling;
        text += "That is " + (above ? "above" : "at or below") + " the policy\u2019s ceiling of " + Number(point.ceiling.toPrecision(6)) + "; ";
        text += turn === null || turn === Infinity
          ? "it would be " + (above ? "above" : "at or below") + " it at every ratio."
          : "the estimate would cross it at a ratio of " + show(turn) + ".";
      }
      said.textContent = text;
    }
    function set(ratio) {
      slider.value = exact.value = String(ratio);
      update(ratio);
    }
    slider.addEventListener("input", () => { exact.value = slider.value; update(Number(slider.value)); });
    exact.addEventListener("input", () => {
      const ratio = exact.value === "" ? NaN : Number(exact.value);
      if (ratio >= 0) slider.value = exact.value;
      update(ratio);
    });
    chosen.addEventListener("change", () => update(exact.value === "" ? NaN : Number(exact.value)));
    find("explore-reset").addEventListener("click", () => { chosen.value = data.points[0].name; set(data.ratio); });
    set(data.ratio);
    document.querySelector(".explore").hidden = false;
  }

  document.querySelectorAll("table.checks, #all-checks").forEach(sortable);
  const held = document.getElementById("explore-data");
  if (held) explore(JSON.parse(held.textContent));
})();

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
    const textOf = (row, place) => (row.cells[place].firstChild || row.cells[place]).textContent.trim();
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
    const moved = find("explore-threshold"), grid = data.grid; // null in a record without counts at thresholds
    const heads = find("explore-table").tHead.rows[0].cells, body = find("explore-table").tBodies[0], said = find("explore-said");
    const ceilings = data.points.filter((point) => point.ceiling !== null);
    const strictest = ceilings.reduce((a, b) => (a && a.ceiling <= b.ceiling ? a : b), null);

    function riskOf(row, ratio) {
      return (ratio * row.fn + row.fp) / (row.positives + row.negatives);
    }
    function turnOf(row, ceiling) {
      const n = row.positives + row.negatives;
      if (row.fn === 0) return row.fp / n <= ceiling ? Infinity : null;
      const ratio = (ceiling * n - row.fp) / row.fn;
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
    function rateOf(part, whole) {
      return whole === 0 ? make("td", "\u2014", "number") : cellOf(part / whole, show(part / whole));
    }
    function draw(row, ratio, ceiling) {
      const line = make("tr"), name = make("th", row.title, row.audited ? "audited" : "");
      name.scope = "row";
      const risk = riskOf(row, ratio);
      line.append(name, cellOf(risk, show(risk)));
      const turn = ceiling === null ? null : turnOf(row, ceiling);
      line.append(make("td", ceiling === null ? "no ceiling" : risk <= ceiling ? "at or below" : "above"));
      line.append(make("td", ceiling === null ? "\u2014" : sayTurn(turn)));
      line.append(rateOf(row.fn, row.positives), rateOf(row.fp, row.negatives));
      line.append(cellOf(row.fn, row.fn), cellOf(row.fp, row.fp));
      Array.from(line.cells).slice(1).forEach((cell, place) => { cell.dataset.head = heads[place + 1].textContent; });
      return line;
    }

    // Thresholds have at most ten decimals, but those of the policy, which Python prints.
    function printAt(place) {
      const point = data.points.find((one) => one.place === place);
      return point ? point.threshold : grid.thresholds[place].toFixed(10).replace(/0+$/, "");
    }
    function rowsAt(place) {
      return grid.models.map((model) => ({
        title: model.title, audited: model.audited, fn: model.fn[place], fp: model.fp[place],
        positives: grid.positives, negatives: grid.negatives,
      }));
    }
    function settle() {
      const point = data.points.find((one) => one.name === chosen.value);
      if (point) {
        const where = point.threshold === null ? "" : ", positive from probability " + point.threshold;
        const said = "the operating point \u201c" + point.title + "\u201d" + where;
        return { rows: point.rows, ceiling: point.ceiling, by: "", said };
      }
      const place = Number(moved.value);
      const said = "positive from probability " + printAt(place) + ", which is no operating point of the policy";
      const by = strictest ? ", set at \u201c" + strictest.title + "\u201d" : "";
      return { rows: rowsAt(place), ceiling: strictest ? strictest.ceiling : null, by, said };
    }

    // Where, on the slider, the audited model's estimate keeps the ceiling: runs of neighbouring thresholds.
    function sayRange(ratio, ceiling) {
      if (!grid) return "";
      const runs = [], start = " At this ratio the estimate is ";
      grid.thresholds.forEach((_, place) => {
        const row = rowsAt(place).find((one) => one.audited);
        if (!row || riskOf(row, ratio) > ceiling) return;
        const last = runs[runs.length - 1];
        if (last && last[1] === place - 1) last[1] = place;
        else runs.push([place, place]);
      });
      if (!runs.length) return start + "above the ceiling at every threshold of the slider.";
      if (runs[0][1] - runs[0][0] === grid.thresholds.length - 1) return start + "at or below the ceiling at every threshold of the slider.";
      const listed = runs.slice(0, 3).map(([low, high]) => printAt(low) + (low === high ? "" : " to " + printAt(high)));
      const more = runs.length > 3 ? " and in " + (runs.length - 3) + " more ranges" : "";
      return start + "at or below the ceiling at thresholds of " + listed.join(", ") + more + ".";
    }
    function sayThreshold() {
      if (!grid) return;
      const point = data.points.find((one) => one.name === chosen.value);
      const none = point && point.place === null; // the most probable class: no place of the slider is it
      const text = none ? "no threshold" : printAt(Number(moved.value));
      find("explore-at").textContent = text;
      moved.setAttribute("aria-valuetext", point ? text + ", the policy\u2019s " + point.title : text);
    }
    function update(ratio) {
      sayThreshold();
      if (!(ratio >= 0 && ratio < 1e9)) {
        body.replaceChildren();
        said.textContent = "Give a ratio of 0 or more.";
        return;
      }
      const own = ratio === data.ratio ? ", the policy\u2019s own," : "";
      slider.setAttribute("aria-valuetext", ratio + " false positives" + own.replace(/,$/, ""));
      const now = settle();
      body.replaceChildren(...now.rows.map((row) => draw(row, ratio, now.ceiling)));
      const audited = now.rows.find((row) => row.audited);
      let text = "At a ratio of " + ratio + own + " and " + now.said + ", ";
      if (!audited) text += "the audited model was not counted.";
      else text += "the audited model\u2019s estimate is " + show(riskOf(audited, ratio)) + ". ";
      if (audited && now.ceiling === null) text += "The policy sets no ceiling " + (chosen.value ? "at this operating point." : "on Global Risk.");
      else if (audited) {
        const turn = turnOf(audited, now.ceiling);
        const above = riskOf(audited, ratio) > now.ceiling;
        text += "That is " + (above ? "above " : "at or below ") + "the policy\u2019s ceiling of " + Number(now.ceiling.toPrecision(6)) + now.by + "; ";
        text += turn === null || turn === Infinity
          ? "it would be " + (above ? "above" : "at or below") + " it at every ratio."
          : "the estimate would cross it at a ratio of " + show(turn) + ".";
        text += sayRange(ratio, now.ceiling);
      }
      said.textContent = text;
    }
    function again() {
      update(exact.value === "" ? NaN : Number(exact.value));
    }
    function set(ratio) {
      slider.value = exact.value = String(ratio);
      update(ratio);
    }
    // A point of the policy takes the slider to its threshold; the most probable class to the threshold next to a half.
    function follow() {
      if (!grid) return;
      const point = data.points.find((one) => one.name === chosen.value);
      const far = (place) => Math.abs(grid.thresholds[place] - 0.5);
      const half = grid.thresholds.reduce((best, _, place) => (far(place) < far(best) ? place : best), 0);
      moved.value = String(point.place === null ? half : point.place);
    }
    slider.addEventListener("input", () => { exact.value = slider.value; update(Number(slider.value)); });
    exact.addEventListener("input", () => {
      const ratio = exact.value === "" ? NaN : Number(exact.value);
      if (ratio >= 0) slider.value = exact.value;
      update(ratio);
    });
    chosen.addEventListener("change", () => { follow(); again(); });
    if (grid) moved.addEventListener("input", () => {
      const point = data.points.find((one) => one.place === Number(moved.value));
      chosen.value = point ? point.name : "";
      again();
    });
    function reset() {
      chosen.value = data.points[0].name;
      follow();
      set(data.ratio);
    }
    find("explore-reset").addEventListener("click", reset);
    reset();
    document.querySelector(".explore").hidden = false;
  }

  document.querySelectorAll("table.checks, #all-checks").forEach(sortable);
  const held = document.getElementById("explore-data");
  if (held) explore(JSON.parse(held.textContent));
})();

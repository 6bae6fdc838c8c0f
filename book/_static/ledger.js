// The ledger's filters and sorting; without this script the whole table simply stands there.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("ledger");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  const [find, outcome, paper, count] =
    ["find", "outcome", "paper", "count"].map((name) => document.getElementById(`ledger-${name}`));
  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = row.textContent.toLowerCase().includes(wanted)
        && (!outcome.value || row.dataset.outcome === outcome.value)
        && (!paper.value || row.dataset.paper === paper.value);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} claims`;
  };
  for (const field of [find, outcome, paper]) field.addEventListener("input", filter);
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent.trim();
      // The paper's numbers have signs and fractions; what has no number comes last.
      const number = (row) => (column === 1 ? Number.parseFloat(text(row)) : NaN);
      const order = (a, b) => {
        const [first, second] = [number(a), number(b)];
        if (Number.isNaN(first) !== Number.isNaN(second)) return Number.isNaN(first) ? 1 : -1;
        const apart = first - second || text(a).localeCompare(text(b), "en", { numeric: true });
        return apart * (up ? 1 : -1);
      };
      rows.sort(order);
      table.tBodies[0].append(...rows);
    });
  });
  filter();
});

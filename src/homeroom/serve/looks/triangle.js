"use strict";
(() => {
  for (const table of document.querySelectorAll("table.triangle")) {
    const section = table.closest("section");
    const readout = section.querySelector(".readout");
    const cells = table.querySelectorAll("td.cell");
    for (const cell of cells) { cell.dataset.share = cell.textContent; cell.tabIndex = -1; }
    if (cells.length) cells[0].tabIndex = 0;
    const buttons = section.querySelectorAll("[data-show]");
    for (const button of buttons) {
      button.addEventListener("click", () => {
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        for (const cell of cells) cell.textContent = button.dataset.show === "count" ? cell.dataset.n : cell.dataset.share;
      });
    }
    const read = (event) => {
      const cell = event.target.closest("td.cell");
      if (!cell) return;
      const since = table.tHead.rows[table.tHead.rows.length - 1].cells[cell.cellIndex].lastChild.textContent;
      const said = { row: cell.parentNode.cells[0].textContent, column: since, said: cell.title };
      readout.textContent = table.dataset.reading.replace(/\{(\w+)\}/g, (_, name) => said[name]);
    };
    for (const kind of ["mouseover", "focusin", "click"]) table.addEventListener(kind, read);
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td.cell");
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!cell || !step) return;
      const row = table.rows[cell.parentNode.rowIndex + step[0]];
      const next = row && row.cells[cell.cellIndex + step[1]];
      event.preventDefault();
      if (!next || !next.classList.contains("cell")) return;
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }
})();

(function () {
  "use strict";
  var form = document.getElementById("filter");
  var shown = document.getElementById("shown");
  var open = document.getElementById("open");
  var items = Array.prototype.slice.call(document.querySelectorAll("[data-status]"));
  var texts = items.map(function (i) { return i.textContent.toLowerCase(); });

  function chosen(name) {
    return Array.prototype.map.call(form.querySelectorAll("input[name=" + name + "]:checked"), function (i) { return i.value; });
  }
  function some(parent) { return parent.querySelector("[data-status]:not(.out), .blindbox") !== null; }

  function apply() {
    var status = chosen("status"), severity = chosen("severity");
    var node = form.elements.node.value, words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var n = 0;
    items.forEach(function (item, i) {
      var fits = status.indexOf(item.dataset.status) >= 0 && severity.indexOf(item.dataset.severity) >= 0 &&
        (!node || item.closest("[data-node]").dataset.node === node) &&
        words.every(function (w) { return texts[i].indexOf(w) >= 0; });
      item.classList.toggle("out", !fits);
      if (fits) { n++; }
    });
    document.querySelectorAll(".quiet, .group").forEach(function (e) { e.classList.toggle("out", !some(e)); });
    document.querySelectorAll(".node").forEach(function (e) {
      e.classList.toggle("out", node ? e.dataset.node !== node : !some(e));
    });
    if (words.length) {
      document.querySelectorAll(".quiet:not(.out)").forEach(function (e) { e.open = true; });
    }
    shown.textContent = n + " of " + items.length + " shown";
  }

  function all() { return document.querySelectorAll("details"); }
  open.addEventListener("click", function () {
    var opening = open.textContent === "Open all";
    all().forEach(function (d) { d.open = opening; });
    open.textContent = opening ? "Close all" : "Open all";
  });
  form.addEventListener("input", apply);
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.f").forEach(function (d) { d.open = true; });
  });
  form.hidden = false;
  apply();
})();

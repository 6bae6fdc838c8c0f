// A formula wider than the page scrolls; without a mouse, the keyboard reaches what is cut off.
window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const seen = new ResizeObserver((changes) => {
    for (const { target } of changes)
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  // One in a closed fold has no size yet: it is seen when the fold opens.
  document.querySelectorAll("mjx-container[display='true']").forEach((formula) => seen.observe(formula));
});

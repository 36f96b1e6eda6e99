// Swagger UI's dark sheet stands behind a class. The product's theme says when; before the first paint, as theme.js.
(() => {
  const root = document.documentElement;
  const night = matchMedia("(prefers-color-scheme: dark)");

  const apply = () => {
    const chosen = root.dataset.theme;
    root.classList.toggle("dark-mode", chosen ? chosen === "dark" : night.matches);
  };

  apply();
  night.addEventListener("change", apply);
  new MutationObserver(apply).observe(root, { attributeFilter: ["data-theme"] });
})();

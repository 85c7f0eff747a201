Redoc.init(
  new URL("openapi.json", document.baseURI).href,
  { theme: { typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" } } } },
  document.getElementById("viewer"),
);

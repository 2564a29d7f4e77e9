// Reads {"tables": {name: "column:type, …"}, "queries": {name: text}} and prints what the Kusto analyser says of each query:
// its faults, the columns of its result, and the members of customDimensions and the string literals that it reads.
const path = require("path");

const library = path.dirname(require.resolve("@kusto/language-service-next/package.json"));
require(path.join(library, "bridge.min.js"));
require(path.join(library, "Kusto.Language.Bridge.min.js"));
const { KustoCode, GlobalState, Symbols } = Kusto.Language;

const list = (items) => Array.from({ length: items.Count }, (_, at) => items.getItem(at));

function analyse(text, globals) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const faults = list(code.GetDiagnostics())
    .filter((fault) => fault.Severity !== "Suggestion")
    .map((fault) => `${fault.Severity} at ${fault.Start}: ${fault.Message}`);
  const dimensions = new Set();
  const literals = new Set();
  Kusto.Language.Syntax.SyntaxElement.WalkNodes(code.Syntax, (node) => {
    const parts = node.Expression && node.Selector ? [node.Expression.ToString(), node.Selector.ToString()] : [];
    if (parts.length && parts[0].trim() === "customDimensions") {
      dimensions.add(parts[1].replace(/[\s[\]"']/g, ""));
    }
    if (node.LiteralValue !== undefined && typeof node.LiteralValue === "string") {
      literals.add(node.LiteralValue);
    }

  });
  const columns = code.ResultType?.Columns ? list(code.ResultType.Columns).map((column) => [column.Name, column.Type.Name]) : [];
  return { faults, columns, dimensions: [...dimensions].sort(), literals: [...literals].sort() };
}

let input = "";
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => {
  const { tables, queries } = JSON.parse(input);
  const symbols = Object.entries(tables).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, `(${columns})`, null));
  const database = new Symbols.DatabaseSymbol.ctor("insights", symbols);
  const globals = GlobalState.Default.WithDatabase(database);
  const said = Object.fromEntries(Object.entries(queries).map(([name, text]) => [name, analyse(text, globals)]));
  process.stdout.write(JSON.stringify(said));
});
